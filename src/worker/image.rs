//! Images in and out, with limits on what is decoded.

use super::task::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageReader, Limits, RgbImage};
use std::io::Cursor;

/// Most pixels of an image: 40 megapixels are 120 MB in memory.
const MAX_PIXELS: u64 = 40_000_000;
/// Longest side.
const MAX_SIDE: u32 = 20_000;
/// Largest file.
pub const MAX_BYTES: usize = 64 << 20;

/// Refuses what cannot reasonably be worked on, before any memory is taken for it.
fn check_size(width: u32, height: u32) -> Result<(), Failure> {
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(Failure::hopeless(format!(
            "{width} x {height}: each side must have 1 to {MAX_SIDE} pixels"
        )));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Failure::hopeless(format!("{width} x {height} is more than {MAX_PIXELS} pixels")));
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

/// Decodes a file given in base64.
pub fn from_base64(text: &str) -> Result<DynamicImage, Failure> {
    if text.len() / 4 * 3 > MAX_BYTES {
        return Err(Failure::hopeless(format!("the file has more than {MAX_BYTES} bytes")));
    }
    let bytes =
        BASE64_STANDARD.decode(text).map_err(|error| Failure::hopeless(format!("no base64: {error}")))?;
    from_file(&bytes)
}

/// Decodes a PNG, JPEG or WebP file.
pub fn from_file(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    if bytes.len() > MAX_BYTES {
        return Err(Failure::hopeless(format!("the file has more than {MAX_BYTES} bytes")));
    }
    let broken =
        |error: &dyn std::fmt::Display| Failure::hopeless(format!("the image cannot be read: {error}"));
    let open = || ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| broken(&error));
    let (width, height) = open()?.into_dimensions().map_err(|error| broken(&error))?;
    check_size(width, height)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    let mut reader = open()?;
    reader.limits(limits);
    let image = reader.decode().map_err(|error| broken(&error))?;
    Ok(image.to_rgb8().into())
}

/// The 64-bit FNV-1a hash of the pixels, in 16 hexadecimal digits: the same on each machine.
pub fn checksum(image: &DynamicImage) -> String {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", image.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        synthetic(width, height, 1).unwrap().write_to(&mut file, image::ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        let file = png(7, 5);
        let image = from_base64(&BASE64_STANDARD.encode(&file)).unwrap();
        assert_eq!(checksum(&image), checksum(&synthetic(7, 5, 1).unwrap()));
        assert_ne!(checksum(&image), checksum(&synthetic(7, 5, 2).unwrap()));
    }

    #[test]
    fn absurd_sizes_are_refused_before_decoding() {
        let mut bomb = png(7, 5);
        // The header's width and height, with its checksum made to fit.
        bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(from_file(&bomb).unwrap_err().error.contains("16384 x 16384 is more than"));
        for (width, height) in [(0, 5), (5, 0), (20_001, 1), (10_000, 10_000), (u32::MAX, u32::MAX)] {
            assert!(synthetic(width, height, 1).unwrap_err().hopeless, "{width} x {height}");
        }
    }

    #[test]
    fn garbage_is_refused_with_a_reason() {
        assert!(from_base64("no base64!").unwrap_err().error.contains("no base64"));
        assert!(from_file(b"GIF89a").unwrap_err().error.contains("cannot be read"));
        assert!(from_file(&png(9, 9)[..40]).unwrap_err().error.contains("cannot be read"));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
    }
}
