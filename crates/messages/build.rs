//! Lists the languages: each file in `locales` is one, and the page reads the same files.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=locales");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("locales");
    let mut codes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name();
        codes.extend(
            name.to_string_lossy()
                .strip_suffix(".ftl")
                .map(str::to_owned),
        );
    }
    // English first: it is the default, and has what another language lacks.
    codes.sort_by_key(|code| (code != "en", code.clone()));
    let mut list = String::new();
    for code in codes {
        // Of the checkout that is compiled: a target folder may serve several.
        let file = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/locales/{code}.ftl\")");
        writeln!(list, "({code:?}, include_str!({file})),")?;
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("locales.rs");
    fs::write(out, format!("&[\n{list}]"))?;
    Ok(())
}
