//! Decodes and encodes images. Size limits are checked in the file's header, before any pixel is decoded.

use super::limits::ImageLimits;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Write};
use worker::Failure;

/// The most memory for what a file contains besides pixels, such as a colour profile, in bytes.
const MAX_METADATA: u64 = 4 << 20;

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

/// Makes an image of random pixels. The same seed and size give the same image.
pub fn synthetic(width: u32, height: u32, seed: u64) -> Result<DynamicImage, Failure> {
    ImageLimits::get().check_size(width, height)?;
    let mut image = RgbImage::new(width, height);
    fastrand::Rng::with_seed(seed).fill(&mut image);
    Ok(image.into())
}

/// Decodes a file from base64.
pub fn from_base64(text: &str) -> Result<Vec<u8>, Failure> {
    ImageLimits::get().check_file("the file", text.len() / 4 * 3)?;
    decode_base64(text)
}

pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, Failure> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| Failure::permanent(format!("invalid base64: {error}")))
}

fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::permanent(format!("cannot read the image: {error}"))
}

/// Refuses a file that is not PNG, JPEG or WebP, or that is too large for any worker according to its header. Reads only
/// the header, and allocates nothing.
pub fn probe(bytes: &[u8]) -> Result<(), Failure> {
    let size = imagesize::blob_size(bytes).map_err(|error| unreadable(&error))?;
    let side = |length| u32::try_from(length).unwrap_or(u32::MAX);
    ImageLimits::MAX.check_size(side(size.width), side(size.height))
}

/// Decodes a PNG, JPEG or WebP file; its first bytes give the format. The size is checked before memory is allocated for
/// the pixels, and colour profiles are not decompressed beyond 4 MiB.
pub fn from_file(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    ImageLimits::get().check_file("the file", bytes.len())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_METADATA);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| unreadable(&error))?;
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| unreadable(&error))?;
    let (width, height) = decoder.dimensions();
    ImageLimits::get().check_size(width, height)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(&error))?;
    Ok(image.into_rgb8().into())
}

/// Encodes an image as a file.
pub fn to_file(image: &DynamicImage, format: Format) -> Result<Vec<u8>, Failure> {
    let limits = ImageLimits::get();
    let mut file = BoundedFile {
        bytes: Vec::new(),
        max: limits.file,
        is_full: false,
    };
    let written = match format {
        Format::Png => image.write_with_encoder(PngEncoder::new(&mut file)),
        Format::Jpeg => image.write_with_encoder(JpegEncoder::new(&mut file)),
        Format::Webp => image.write_with_encoder(WebPEncoder::new_lossless(&mut file)),
    };
    if file.is_full {
        limits.check_file(&format!("the result as {format:?}"), limits.file + 1)?;
    }
    written.map_err(|error| {
        Failure::permanent(format!("cannot encode the image as {format:?}: {error}"))
    })?;
    Ok(file.bytes)
}

/// A file in memory that takes at most `max` bytes.
struct BoundedFile {
    bytes: Vec<u8>,
    max: usize,
    is_full: bool,
}

impl Write for BoundedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max {
            self.is_full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The 64-bit FNV-1a hash of the pixels, in 16 hexadecimal digits. It is the same on every platform.
pub fn checksum(image: &DynamicImage) -> String {
    fnv1a(image.as_bytes())
}

/// The 64-bit FNV-1a hash, in 16 hexadecimal digits.
pub(crate) fn fnv1a(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
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
