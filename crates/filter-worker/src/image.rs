//! Decodes and encodes images. Size limits are checked in the file's header, before any pixel is decoded.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use worker::Failure;

/// Maximum number of pixels: 40 megapixels take 120 MB of memory.
const MAX_PIXELS: u64 = 40_000_000;
/// Longest side, in pixels.
const MAX_SIDE: u32 = 20_000;
/// Largest file, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The file formats for results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless.
    Png,
    /// Lossy.
    Jpeg,
    /// Lossless.
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

/// Refuses an image that is empty or too large, before memory is allocated for it.
pub fn check_size(width: u32, height: u32) -> Result<(), Failure> {
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(Failure::permanent(format!(
            "{width} x {height}: each side must be 1 to {MAX_SIDE} pixels long"
        )));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Failure::permanent(format!(
            "{width} x {height}: more than {MAX_PIXELS} pixels"
        )));
    }
    Ok(())
}

/// Makes an image of random pixels. The same seed and size give the same image.
pub fn synthetic(width: u32, height: u32, seed: u64) -> Result<DynamicImage, Failure> {
    check_size(width, height)?;
    let mut image = RgbImage::new(width, height);
    fastrand::Rng::with_seed(seed).fill(&mut image);
    Ok(image.into())
}

/// Decodes a file from base64.
pub fn from_base64(text: &str) -> Result<Vec<u8>, Failure> {
    check_length(text.len() / 4 * 3)?;
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| Failure::permanent(format!("invalid base64: {error}")))
}

fn check_length(bytes: usize) -> Result<(), Failure> {
    if bytes > MAX_BYTES {
        return Err(Failure::permanent(format!(
            "the file is larger than {MAX_BYTES} bytes"
        )));
    }
    Ok(())
}

fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::permanent(format!("cannot read the image: {error}"))
}

/// Opens a file. Its first bytes give the format.
fn open(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, Failure> {
    check_length(bytes.len())?;
    ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| unreadable(&error))
}

/// Refuses a file that is not PNG, JPEG or WebP, or that is too large according to its header. Reads only the header.
pub fn probe(bytes: &[u8]) -> Result<(), Failure> {
    let (width, height) = open(bytes)?
        .into_dimensions()
        .map_err(|error| unreadable(&error))?;
    check_size(width, height)
}

/// Decodes a PNG, JPEG or WebP file.
pub fn from_file(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    probe(bytes)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    let mut reader = open(bytes)?;
    reader.limits(limits);
    let image = reader.decode().map_err(|error| unreadable(&error))?;
    Ok(image.to_rgb8().into())
}

/// Encodes an image as a file.
pub fn to_file(image: &DynamicImage, format: Format) -> Result<Vec<u8>, Failure> {
    let mut file = Cursor::new(Vec::new());
    let written = image.write_to(&mut file, format.into());
    written.map_err(|error| {
        Failure::permanent(format!("cannot encode the image as {format:?}: {error}"))
    })?;
    Ok(file.into_inner())
}

/// The 64-bit FNV-1a hash of the pixels, in 16 hexadecimal digits. It is the same on every platform.
pub fn checksum(image: &DynamicImage) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!(
        "{:016x}",
        image.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        to_file(&synthetic(width, height, 1).unwrap(), Format::Png).unwrap()
    }

    #[test]
    fn each_format_survives_a_round_trip() {
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
            checksum(&from_file(&from_base64(&text).unwrap()).unwrap()),
            checksum(&image)
        );
        assert_ne!(checksum(&image), checksum(&synthetic(7, 5, 2).unwrap()));
    }

    /// Files whose header says 30,000 x 30,000 and that contain no pixels: only code that stops at the header can name
    /// their size.
    #[test]
    fn a_bomb_of_each_format_fails_at_its_header() {
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
    fn invalid_sizes_are_refused() {
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
            from_base64("not base64!")
                .unwrap_err()
                .error
                .contains("invalid base64")
        );
        assert!(
            from_file(b"GIF89a")
                .unwrap_err()
                .error
                .contains("cannot read the image")
        );
        assert!(
            from_file(&png(9, 9)[..40])
                .unwrap_err()
                .error
                .contains("cannot read the image")
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
