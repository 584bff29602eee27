//! The largest images that a worker accepts, from the memory that it may use.

use super::memory;
use std::sync::OnceLock;
use worker::Failure;

/// Longest side, in pixels.
const MAX_SIDE: u32 = 20_000;

/// The limits of this process.
static OF_THIS_PROCESS: OnceLock<ImageLimits> = OnceLock::new();

/// The largest images that are accepted.
///
/// With `share` for the memory of the process divided by its concurrency, an image may have `share · ¾ / 16` pixels, and
/// a file, read or written, `share / 16` bytes. The last quarter is for the program itself. 256 MiB allow 12.5
/// megapixels and files of 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLimits {
    /// Maximum number of pixels.
    pub pixels: u64,
    /// Maximum size of a file, in bytes.
    pub file: usize,
    /// Memory for each task, in bytes; for messages.
    share: u64,
}

impl ImageLimits {
    /// The limits where memory is plentiful.
    pub const MAX: Self = Self {
        pixels: 40_000_000,
        file: 64 << 20,
        share: 1 << 30,
    };

    /// The limits for `memory` bytes and `concurrency` tasks at once.
    pub fn new(memory: u64, concurrency: u16) -> Self {
        let share = memory / u64::from(concurrency.max(1));
        let file = usize::try_from(share / 16).unwrap_or(usize::MAX);
        Self {
            pixels: (share / 4 * 3 / 16).min(Self::MAX.pixels),
            file: file.min(Self::MAX.file),
            share,
        }
    }

    /// Sets the limits of this process, before the first task.
    pub fn set_concurrency(concurrency: u16) -> Self {
        *OF_THIS_PROCESS.get_or_init(|| Self::new(memory::limit(), concurrency))
    }

    /// The limits of this process.
    pub fn get() -> Self {
        Self::set_concurrency(1)
    }

    /// Refuses an image that is empty or too large, before memory is allocated for it.
    pub fn check_size(&self, width: u32, height: u32) -> Result<(), Failure> {
        if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
            return Err(Failure::permanent(format!(
                "{width} x {height}: each side must be 1 to {MAX_SIDE} pixels long"
            )));
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.pixels {
            return Err(Failure::permanent(format!(
                "{width} x {height} = {pixels} pixels are more than the maximum of {}{}",
                self.pixels,
                self.reason("send a smaller image")
            )));
        }
        Ok(())
    }

    /// Refuses a file that is too large. `what` names it.
    pub fn check_file(&self, what: &str, bytes: usize) -> Result<(), Failure> {
        if bytes > self.file {
            return Err(Failure::permanent(format!(
                "{what} has more than the maximum of {} bytes{}",
                self.file,
                self.reason("send a smaller image, or choose jpeg")
            )));
        }
        Ok(())
    }

    /// Where a limit comes from, and what helps.
    fn reason(&self, help: &str) -> String {
        let share = self.share >> 20;
        if self.file == Self::MAX.file {
            return format!(": {help}");
        }
        format!(" for {share} MiB of memory: {help}, or give the worker more memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_follow_memory_and_concurrency() {
        let limits = |mib: u64, concurrency| {
            let limits = ImageLimits::new(mib << 20, concurrency);
            (limits.pixels, limits.file)
        };
        assert_eq!(limits(256, 1), (12_582_912, 16 << 20));
        assert_eq!(limits(512, 2), limits(256, 1));
        assert_eq!(limits(64, 1), (3_145_728, 4 << 20));
        let most = (ImageLimits::MAX.pixels, ImageLimits::MAX.file);
        assert_eq!((limits(16_384, 1), limits(1_024, 0)), (most, most));
        // A 12-megapixel photo fits exactly into the memory of the chart's workers.
        let small = ImageLimits::new(256 << 20, 1);
        assert!(small.check_size(4_032, 3_024).is_ok());
        let refused = small.check_size(4_032, 3_200).unwrap_err();
        assert!(refused.permanent);
        assert_eq!(
            refused.error,
            "4032 x 3200 = 12902400 pixels are more than the maximum of 12582912 for 256 MiB of memory: \
             send a smaller image, or give the worker more memory"
        );
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
            let refused = ImageLimits::MAX.check_size(width, height).unwrap_err();
            assert!(refused.permanent, "{width} x {height}");
        }
        let refused = ImageLimits::MAX.check_file("the file", (64 << 20) + 1);
        assert!(refused.unwrap_err().permanent);
    }
}
