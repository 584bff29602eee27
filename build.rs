//! Embeds the dashboard's files, which `make web` builds into web/dist, in the program. Without them it builds without
//! a dashboard page.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = root.join("web/dist");
    // A path that does not exist would cause a rebuild each time, so this names the first one that does.
    let watched = [dist.clone(), root.join("web"), root.join("build.rs")]
        .into_iter()
        .find(|path| path.exists());
    println!(
        "cargo::rerun-if-changed={}",
        watched.unwrap_or_default().display()
    );
    let mut table = "static FILES: &[File] = &[\n".to_owned();
    for path in files(&dist)? {
        let gzip = format!("{}.gz", path.display());
        let media = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => continue,
        };
        let mut hasher = DefaultHasher::new();
        fs::read(&path)?.hash(&mut hasher);
        let name = path.strip_prefix(&dist).unwrap_or(&path).display();
        let tag = format!("\"{:016x}\"", hasher.finish());
        let _ = writeln!(
            table,
            "File {{ path: \"/{name}\", media: {media:?}, tag: {tag:?}, plain: include_bytes!({:?}), gzip: include_bytes!({gzip:?}) }},",
            path.display().to_string()
        );
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("assets.rs"), table + "];\n")
}

/// All files below `folder`, sorted; none if it does not exist.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    if !folder.exists() {
        return Ok(paths);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            paths.extend(files(&path)?);
        } else {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
