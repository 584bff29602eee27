//! The filters, by name.

use fast_image_resize::Resizer;
use image::{DynamicImage, GrayImage};
use std::borrow::Cow;
use worker::Failure;

/// Turns one image into another.
pub type Filter = fn(&DynamicImage) -> Result<DynamicImage, Failure>;

/// All filters with their names.
pub const FILTERS: [(&str, Filter); 10] = [
    ("resize", resize),
    ("blur", |image| Ok(image.blur(2.0))),
    ("sharpen", |image| Ok(sharpen(image))),
    ("edges", |image| Ok(edges(&gray(image)).into())),
    ("grayscale", |image| Ok(gray(image).into())),
    ("sepia", |image| Ok(sepia(image))),
    ("brightness", |image| {
        Ok(each_value(image, |value| value.saturating_add(25)))
    }),
    ("contrast", |image| Ok(contrast(image))),
    ("rotate", |image| Ok(image.rotate90())),
    ("thumbnail", |image| Ok(image.thumbnail(128, 128))),
];

/// Returns the filters with these names. Fails at the first unknown name, with a list of all filters.
pub fn by_name(names: &[String]) -> Result<Vec<Filter>, Failure> {
    let find = |name: &String| {
        FILTERS
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, filter)| *filter)
            .ok_or_else(|| {
                let known = FILTERS.map(|(name, _)| name).join(", ");
                let name: String = name.chars().take(40).collect();
                Failure::permanent(format!("unknown filter {name:?}; available: {known}"))
            })
    };
    names.iter().map(find).collect()
}

/// Half as wide and half as high.
fn resize(image: &DynamicImage) -> Result<DynamicImage, Failure> {
    let (width, height) = (image.width().div_ceil(2), image.height().div_ceil(2));
    let mut half = DynamicImage::new(width, height, image.color());
    let resized = Resizer::new().resize(image, &mut half, None);
    resized
        .map(|()| half)
        .map_err(|error| Failure::permanent(format!("cannot resize: {error}")))
}

/// Applies `change` to each value of each channel.
fn each_value(image: &DynamicImage, change: impl Fn(u8) -> u8) -> DynamicImage {
    let mut image = image.clone();
    for value in values(&mut image) {
        *value = change(*value);
    }
    image
}

/// The values of all channels.
fn values(image: &mut DynamicImage) -> &mut [u8] {
    match image {
        DynamicImage::ImageLuma8(gray) => gray,
        DynamicImage::ImageRgb8(rgb) => rgb,
        _ => &mut [], // this crate makes only these two kinds
    }
}

/// Moves each value as far away from the blurred image again, if it differs by more than 1. The blur works row by row,
/// so this needs no memory besides the new image.
fn sharpen(image: &DynamicImage) -> DynamicImage {
    let mut sharp = image.blur(1.5);
    for (value, source) in values(&mut sharp).iter_mut().zip(image.as_bytes()) {
        let source = i16::from(*source);
        let difference = source - i16::from(*value);
        let moved = if difference.abs() > 1 {
            source + difference
        } else {
            source
        };
        *value = moved.clamp(0, 255).to_le_bytes()[0];
    }
    sharp
}

/// Moves each value to 1.44 times its distance from the middle.
fn contrast(image: &DynamicImage) -> DynamicImage {
    let table: [u8; 256] = std::array::from_fn(|value| {
        let doubled_distance = i32::try_from(value).unwrap_or_default() * 2 - 255;
        (doubled_distance * 144 / 200 + 128)
            .clamp(0, 255)
            .to_le_bytes()[0]
    });
    each_value(image, |value| table[usize::from(value)])
}

/// The luminance of Rec. 709, with weights in 1/65,536.
fn gray(image: &DynamicImage) -> GrayImage {
    if let DynamicImage::ImageLuma8(gray) = image {
        return gray.clone();
    }
    let luminance = |pixel: &[u8]| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        (13_933 * red + 46_871 * green + 4_732 * blue).to_be_bytes()[1]
    };
    let rgb = image
        .as_rgb8()
        .map_or_else(|| Cow::Owned(image.to_rgb8()), Cow::Borrowed);
    let values = rgb.chunks_exact(3).map(luminance).collect();
    GrayImage::from_raw(image.width(), image.height(), values).unwrap_or_default()
}

/// Eight times each pixel minus its eight neighbours. Pixels at the border lack neighbours and stay black.
fn edges(gray: &GrayImage) -> GrayImage {
    let mut edges = GrayImage::new(gray.width(), gray.height());
    let width = gray.width() as usize;
    let rows: Vec<&[u8]> = gray.chunks_exact(width.max(1)).collect();
    for (rows, out) in rows
        .windows(3)
        .zip(edges.chunks_exact_mut(width.max(1)).skip(1))
    {
        let [above, here, below] = [rows[0], rows[1], rows[2]];
        for x in 1..width.saturating_sub(1) {
            let sum =
                |row: &[u8]| i32::from(row[x - 1]) + i32::from(row[x]) + i32::from(row[x + 1]);
            let edge = 9 * i32::from(here[x]) - sum(above) - sum(here) - sum(below);
            out[x] = edge.clamp(0, 255).to_le_bytes()[0];
        }
    }
    edges
}

fn sepia(image: &DynamicImage) -> DynamicImage {
    // In 1/65,536, for integer arithmetic.
    const TONES: [[u32; 3]; 3] = [
        [25_756, 50_397, 12_386],
        [22_872, 44_958, 11_010],
        [17_826, 34_996, 8_585],
    ];
    let mut image = image.to_rgb8();
    for pixel in image.chunks_exact_mut(3) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        for (value, [red_weight, green_weight, blue_weight]) in pixel.iter_mut().zip(TONES) {
            *value = ((red_weight * red + green_weight * green + blue_weight * blue) >> 16)
                .min(255)
                .to_le_bytes()[0];
        }
    }
    image.into()
}

#[cfg(test)]
mod tests {
    use super::super::image::{checksum, synthetic};
    use super::*;

    #[test]
    fn each_filter_changes_the_image_to_the_right_size() {
        let image = synthetic(301, 200, 1).unwrap();
        for (name, filter) in FILTERS {
            let filtered = filter(&image).unwrap();
            let size = match name {
                "resize" => (151, 100),
                "rotate" => (200, 301),
                "thumbnail" => (128, 85),
                _ => (301, 200),
            };
            assert_eq!((filtered.width(), filtered.height()), size, "{name}");
            assert_ne!(checksum(&filtered), checksum(&image), "{name}");
        }
    }

    #[test]
    fn known_pixels_give_known_results() {
        let pixels = vec![0, 0, 0, 255, 255, 255, 100, 150, 200];
        let image = DynamicImage::from(image::RgbImage::from_raw(3, 1, pixels).unwrap());
        let filtered = |name: &str| {
            let (_, filter) = FILTERS.iter().find(|(it, _)| *it == name).unwrap();
            filter(&image).unwrap().into_bytes()
        };
        assert_eq!(
            filtered("brightness"),
            [25, 25, 25, 255, 255, 255, 125, 175, 225]
        );
        assert_eq!(filtered("contrast"), [0, 0, 0, 255, 255, 255, 89, 160, 232]);
        assert_eq!(filtered("grayscale"), [0, 255, 142]);
        assert_eq!(filtered("sepia"), [0, 0, 0, 255, 255, 238, 192, 171, 133]);
        let dot = GrayImage::from_fn(3, 3, |x, y| {
            image::Luma([if (x, y) == (1, 1) { 9 } else { 1 }])
        });
        assert_eq!(edges(&dot).into_raw(), [0, 0, 0, 0, 64, 0, 0, 0, 0]);
    }

    #[test]
    fn sharpen_is_the_unsharp_mask_but_for_rounding() {
        for image in [
            synthetic(40, 30, 1).unwrap(),
            synthetic(9, 9, 1).unwrap().grayscale(),
        ] {
            let (sharp, exact) = (sharpen(&image), image.unsharpen(1.5, 1));
            let pairs = sharp.as_bytes().iter().zip(exact.as_bytes());
            let most = pairs.map(|(one, other)| one.abs_diff(*other)).max();
            assert!(most <= Some(2), "{most:?}");
        }
    }

    #[test]
    fn all_pairs_of_filters_work_even_on_one_pixel() {
        for image in [synthetic(40, 30, 1).unwrap(), synthetic(1, 1, 1).unwrap()] {
            for (_, first) in FILTERS {
                FILTERS
                    .iter()
                    .try_fold(first(&image).unwrap(), |image, (_, next)| next(&image))
                    .unwrap();
            }
        }
    }

    #[test]
    fn an_unknown_filter_is_refused_with_a_list() {
        let Err(failure) = by_name(&["blur".into(), "vignette".into()]) else {
            panic!("accepted")
        };
        assert!(failure.permanent);
        assert!(
            failure
                .error
                .contains("\"vignette\"; available: resize, blur, sharpen"),
            "{}",
            failure.error
        );
    }
}
