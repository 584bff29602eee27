//! The filters, by name.

use super::task::Failure;
use fast_image_resize::Resizer;
use image::DynamicImage;

/// A filter takes an image and gives one.
pub type Filter = fn(&DynamicImage) -> Result<DynamicImage, Failure>;

/// All there are.
pub const FILTERS: [(&str, Filter); 10] = [
    ("resize", resize),
    ("blur", |image| Ok(image.blur(2.0))),
    ("sharpen", |image| Ok(image.unsharpen(1.5, 1))),
    ("edges", |image| {
        Ok(image.grayscale().filter3x3(&[-1.0, -1.0, -1.0, -1.0, 8.0, -1.0, -1.0, -1.0, -1.0]))
    }),
    ("grayscale", |image| Ok(image.grayscale())),
    ("sepia", |image| Ok(sepia(image))),
    ("brightness", |image| Ok(image.brighten(25))),
    ("contrast", |image| Ok(image.adjust_contrast(20.0))),
    ("rotate", |image| Ok(image.rotate90())),
    ("thumbnail", |image| Ok(image.thumbnail(128, 128))),
];

/// The filters of these names; fails, naming all there are, at the first that is none.
pub fn by_name(names: &[String]) -> Result<Vec<Filter>, Failure> {
    let find = |name: &String| {
        FILTERS.iter().find(|(known, _)| known == name).map(|(_, filter)| *filter).ok_or_else(|| {
            let known = FILTERS.map(|(name, _)| name).join(", ");
            Failure::hopeless(format!("there is no filter {name:?}; there are: {known}"))
        })
    };
    names.iter().map(find).collect()
}

/// Half as wide and half as high.
fn resize(image: &DynamicImage) -> Result<DynamicImage, Failure> {
    let (width, height) = (image.width().div_ceil(2), image.height().div_ceil(2));
    let mut half = DynamicImage::new(width, height, image.color());
    let resized = Resizer::new().resize(image, &mut half, None);
    resized.map(|()| half).map_err(|error| Failure::hopeless(format!("cannot resize: {error}")))
}

fn sepia(image: &DynamicImage) -> DynamicImage {
    // In 1/1000, so that whole numbers do.
    const TONES: [[u32; 3]; 3] = [[393, 769, 189], [349, 686, 168], [272, 534, 131]];
    let mut image = image.to_rgb8();
    for pixel in image.pixels_mut() {
        let old = pixel.0.map(u32::from);
        let mix =
            |tone: [u32; 3]| tone.iter().zip(old).map(|(share, value)| share * value).sum::<u32>() / 1_000;
        pixel.0 = TONES.map(|tone| u8::try_from(mix(tone)).unwrap_or(u8::MAX));
    }
    image.into()
}

#[cfg(test)]
mod tests {
    use super::super::image::{checksum, synthetic};
    use super::*;

    #[test]
    fn each_filter_changes_the_picture_and_keeps_to_its_size() {
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
    fn all_filters_work_one_after_another_and_on_one_pixel() {
        for image in [synthetic(40, 30, 1).unwrap(), synthetic(1, 1, 1).unwrap()] {
            for (_, first) in FILTERS {
                FILTERS.iter().try_fold(first(&image).unwrap(), |image, (_, next)| next(&image)).unwrap();
            }
        }
    }

    #[test]
    fn a_filter_that_is_none_is_answered_with_those_that_are() {
        let Err(failure) = by_name(&["blur".into(), "vignette".into()]) else { panic!("accepted") };
        assert!(failure.hopeless);
        assert!(
            failure.error.contains("\"vignette\"; there are: resize, blur, sharpen"),
            "{}",
            failure.error
        );
    }
}
