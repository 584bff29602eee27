//! The pictures that `stress` sends: a set of our own, or the user's files.

use crate::text::lang::{Lang, tr};
use anyhow::{Context, bail};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Drawn by pictures/draw.py.
const OWN: [&[u8]; 4] = [
    include_bytes!("../../../pictures/mountains.jpg"),
    include_bytes!("../../../pictures/harbor.png"),
    include_bytes!("../../../pictures/marbles.jpg"),
    include_bytes!("../../../pictures/city.webp"),
];
/// The largest file, and the most in one burst, in bytes: they stay in Redis for a day.
const MAX_BYTES: u64 = 16 << 20;
const MAX_TOTAL: usize = 64 << 20;

/// A PNG, JPEG or WebP file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture(pub Cow<'static, [u8]>);

impl Picture {
    /// Our own set.
    pub fn own() -> Vec<Self> {
        OWN.map(|file| Self(Cow::Borrowed(file))).into()
    }

    /// The user's files, all of them or an error that says what is wrong with which.
    pub fn read_all(lang: Lang, paths: &[PathBuf]) -> anyhow::Result<Vec<Self>> {
        let pictures = paths
            .iter()
            .map(|path| {
                Self::read(lang, path).with_context(|| format!("--image {}", path.display()))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let total: usize = pictures.iter().map(|picture| picture.0.len()).sum();
        if total > MAX_TOTAL {
            let (size, most) = (total >> 20, MAX_TOTAL >> 20);
            bail!(tr!(lang, "cli-image-too-many", size, most));
        }
        Ok(pictures)
    }

    fn read(lang: Lang, path: &Path) -> anyhow::Result<Self> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            bail!(tr!(lang, "cli-image-no-file"));
        }
        if meta.len() > MAX_BYTES {
            let (size, most) = (meta.len() >> 20, MAX_BYTES >> 20);
            bail!(tr!(lang, "cli-image-too-big", size, most));
        }
        let bytes = std::fs::read(path)?;
        let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        if !(bytes.starts_with(b"\x89PNG\r\n\x1a\n")
            || bytes.starts_with(b"\xff\xd8\xff")
            || is_webp)
        {
            bail!(tr!(lang, "cli-image-no-picture"));
        }
        Ok(Self(Cow::Owned(bytes)))
    }

    /// A name for the content: the 64-bit FNV-1a hash and the length, in hexadecimal digits.
    pub fn hash(&self) -> String {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = self.0.iter().fold(0xcbf2_9ce4_8422_2325, step);
        format!("{hash:016x}{:x}", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pictures_are_few_and_small() {
        let total: usize = OWN.iter().map(|file| file.len()).sum();
        assert!(total < 150_000, "{total} bytes");
        let mut hashes: Vec<_> = Picture::own().iter().map(Picture::hash).collect();
        hashes.dedup();
        assert_eq!(hashes.len(), 4);
    }

    #[test]
    fn bad_files_are_refused_with_the_path() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.png"), OWN[1]).expect("written");
        std::fs::write(path("b.jpg"), "not a picture").expect("written");
        let big = std::fs::File::create(path("c.webp")).expect("created");
        big.set_len(MAX_BYTES + (1 << 20)).expect("grown");
        assert_eq!(
            Picture::read_all(Lang::EN, &[path("a.png")])
                .expect("a picture")
                .len(),
            1
        );
        for (name, reason) in [
            ("b.jpg", "not a PNG, JPEG or WebP file"),
            ("c.webp", "17 MiB, at most 16"),
            ("d.png", "No such file"),
            ("", "not a file"),
        ] {
            let error = Picture::read_all(Lang::EN, &[path("a.png"), path(name)]).expect_err(name);
            let text = format!("{error:#}");
            assert!(text.contains(reason) && text.contains(name), "{text}");
        }
    }
}
