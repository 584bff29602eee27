//! Images in and out, with limits on what is decoded: by the header, before memory is taken for a single pixel.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use worker::Failure;

/// Most pixels of an image: 40 megapixels are 120 MB in memory.
const MAX_PIXELS: u64 = 40_000_000;
/// Longest side.
const MAX_SIDE: u32 = 20_000;
/// Largest file.
pub const MAX_BYTES: usize = 64 << 20;

/// What an image can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Without loss.
    Png,
    /// With losses that the eye forgives.
    Jpeg,
    /// Without loss.
    Webp,
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => Self::Png,
            Format::Jpeg => Self::Jpeg,
            Format::Webp => Self::WebP,
        }
    }
}

/// Refuses what cannot reasonably be worked on, before any memory is taken for it.
pub fn check_size(width: u32, height: u32) -> Result<(), Failure> {
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(Failure::hopeless(format!(
            "{width} x {height}: each side must have 1 to {MAX_SIDE} pixels"
        )));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Failure::hopeless(format!(
            "{width} x {height} is more than {MAX_PIXELS} pixels"
        )));
    }
    Ok(())
}

/// The same seed and size give the same image.
pub fn synthetic(width: u32, height: u32, seed: u64) -> Result<DynamicImage, Failure> {
    check_size(width, height)?;
    let mut image = RgbImage::new(width, height);
    fastrand::Rng::with_seed(seed).fill(&mut image);
    Ok(image.into())
}

/// The file given in base64.
pub fn bytes_of(text: &str) -> Result<Vec<u8>, Failure> {
    if text.len() / 4 * 3 > MAX_BYTES {
        return Err(Failure::hopeless(format!(
            "the file has more than {MAX_BYTES} bytes"
        )));
    }
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| Failure::hopeless(format!("no base64: {error}")))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::hopeless(format!("the image cannot be read: {error}"))
}

/// A file of one of the three formats, by its first bytes.
fn open(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, Failure> {
    if bytes.len() > MAX_BYTES {
        return Err(Failure::hopeless(format!(
            "the file has more than {MAX_BYTES} bytes"
        )));
    }
    ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| broken(&error))
}

/// Refuses a file that is no PNG, JPEG or WebP, or whose header names an absurd size; looks at nothing else.
pub fn probe(bytes: &[u8]) -> Result<(), Failure> {
    let (width, height) = open(bytes)?
        .into_dimensions()
        .map_err(|error| broken(&error))?;
    check_size(width, height)
}

/// Decodes a PNG, JPEG or WebP file.
pub fn from_file(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    probe(bytes)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    let mut reader = open(bytes)?;
    reader.limits(limits);
    let image = reader.decode().map_err(|error| broken(&error))?;
    Ok(image.to_rgb8().into())
}

/// The file of an image.
pub fn to_file(image: &DynamicImage, format: Format) -> Result<Vec<u8>, Failure> {
    let mut file = Cursor::new(Vec::new());
    let written = image.write_to(&mut file, format.into());
    written.map_err(|error| {
        Failure::hopeless(format!(
            "the image cannot be written as {format:?}: {error}"
        ))
    })?;
    Ok(file.into_inner())
}

/// The 64-bit FNV-1a hash of the pixels, in 16 hexadecimal digits: the same on each machine.
#[must_use]
pub fn checksum(image: &DynamicImage) -> String {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!(
        "{:016x}",
        image.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        to_file(&synthetic(width, height, 1).unwrap(), Format::Png).unwrap()
    }

    #[test]
    fn a_file_of_each_format_comes_back_in_its_size() {
        let image = synthetic(7, 5, 1).unwrap();
        for format in [Format::Png, Format::Jpeg, Format::Webp] {
            for image in [image.clone(), image.grayscale()] {
                let back = from_file(&to_file(&image, format).unwrap()).unwrap();
                assert_eq!((back.width(), back.height()), (7, 5), "{format:?}");
                let exact = checksum(&back) == checksum(&image.to_rgb8().into());
                assert_eq!(exact, format != Format::Jpeg, "{format:?}");
            }
        }
        let text = BASE64_STANDARD.encode(png(7, 5));
        assert_eq!(
            checksum(&from_file(&bytes_of(&text).unwrap()).unwrap()),
            checksum(&image)
        );
        assert_ne!(checksum(&image), checksum(&synthetic(7, 5, 2).unwrap()));
    }

    /// Files that say they are 30,000 x 30,000 and have not the pixels: only who reads the header alone tells their size.
    #[test]
    fn a_bomb_of_each_format_is_refused_by_its_header() {
        let side = 30_000_u16.to_be_bytes();
        let mut png = png(7, 5);
        png.truncate(33);
        png[16..24].copy_from_slice(&[0, 0, side[0], side[1], 0, 0, side[0], side[1]]);
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");

        let mut jpeg = to_file(&synthetic(7, 5, 1).unwrap(), Format::Jpeg).unwrap();
        let frame = jpeg.windows(2).position(|it| it == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
        let scan = jpeg.windows(2).position(|it| it == [0xff, 0xda]).unwrap();
        jpeg.truncate(scan + 14);

        let webp = to_file(&synthetic(7, 5, 1).unwrap(), Format::Webp).unwrap();
        let size = 29_999_u32.to_le_bytes();
        let canvas = [
            &b"WEBPVP8X\x0a\0\0\0\0\0\0\0"[..],
            &size[..3],
            &size[..3],
            &webp[12..],
        ]
        .concat();
        let webp = [
            b"RIFF",
            &u32::try_from(canvas.len()).unwrap().to_le_bytes()[..],
            &canvas,
        ]
        .concat();

        for (name, bomb) in [("png", png), ("jpeg", jpeg), ("webp", webp)] {
            let failure = from_file(&bomb).unwrap_err();
            assert!(
                failure.permanent && failure.error.contains("30000 x 30000"),
                "{name}: {}",
                failure.error
            );
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for (width, height) in [
            (0, 5),
            (5, 0),
            (20_001, 1),
            (10_000, 10_000),
            (u32::MAX, u32::MAX),
        ] {
            assert!(
                synthetic(width, height, 1).unwrap_err().permanent,
                "{width} x {height}"
            );
        }
    }

    #[test]
    fn garbage_is_refused_with_a_reason() {
        assert!(
            bytes_of("no base64!")
                .unwrap_err()
                .error
                .contains("no base64")
        );
        assert!(
            from_file(b"GIF89a")
                .unwrap_err()
                .error
                .contains("cannot be read")
        );
        assert!(
            from_file(&png(9, 9)[..40])
                .unwrap_err()
                .error
                .contains("cannot be read")
        );
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        };
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), step)
        })
    }
}
