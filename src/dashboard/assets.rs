//! The page's files, as Vite built them, inside the program; without them a page that says how to build it.

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// One file: its path, its media type, the tag of its content, its bytes, and the same compressed.
struct File {
    path: &'static str,
    media: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const UNBUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>WorkerPool</title>
<h1>This program was built without its dashboard</h1>
<p>To have it: <code>make web</code>, which needs Node.js and npm, then build the program again.</p>
<p>The same facts as JSON: <a href=/api/pools>/api/pools</a>, and without a browser: <code>kubectl get wp -w</code></p></html>
";

/// The file at `path`, as this browser takes it.
pub(super) fn serve(path: &str, asked: &HeaderMap) -> Response {
    let wanted = if path == "/" { "/index.html" } else { path };
    let Some(file) = FILES.iter().find(|file| file.path == wanted) else {
        return if path == "/" {
            (
                [
                    (CONTENT_TYPE, "text/html; charset=utf-8"),
                    (CACHE_CONTROL, "no-store"),
                ],
                UNBUILT,
            )
                .into_response()
        } else {
            (
                StatusCode::NOT_FOUND,
                "there is nothing here; the page is at /\n",
            )
                .into_response()
        };
    };
    // Vite puts a hash of the content into the names below /assets.
    let keep = if wanted.starts_with("/assets/") {
        "max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let same = [
        (ETAG, file.tag),
        (CACHE_CONTROL, keep),
        (VARY, "accept-encoding"),
    ];
    let has = |name, what: &str| {
        asked
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(what))
    };
    if has(IF_NONE_MATCH, file.tag) {
        (StatusCode::NOT_MODIFIED, same).into_response()
    } else if has(ACCEPT_ENCODING, "gzip") {
        let body = Bytes::from_static(file.gzip);
        (
            same,
            [(CONTENT_TYPE, file.media), (CONTENT_ENCODING, "gzip")],
            body,
        )
            .into_response()
    } else {
        (
            same,
            [(CONTENT_TYPE, file.media)],
            Bytes::from_static(file.plain),
        )
            .into_response()
    }
}
