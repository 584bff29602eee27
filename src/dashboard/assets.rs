//! The page's files as Vite built them, embedded in the program. A build without them serves a page that explains how
//! to build them.

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// One file: its URL path, media type, `ETag`, content, and compressed content.
struct File {
    path: &'static str,
    media: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>WorkerPool</title>
<h1>This program was built without its dashboard</h1>
<p>To include it, run <code>make web</code> (needs Node.js and npm) and build the program again.</p>
<p>The same data as JSON: <a href=/api/pools>/api/pools</a>. Without a browser: <code>kubectl get wp -w</code></p></html>
";

/// The file at `path`, compressed if the request headers allow it.
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Response {
    let file_path = if path == "/" { "/index.html" } else { path };
    let Some(file) = FILES.iter().find(|file| file.path == file_path) else {
        return not_found(path);
    };
    // Vite puts a hash of the content into the names below /assets.
    let cache_control = if file_path.starts_with("/assets/") {
        "max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let common = [
        (ETAG, file.tag),
        (CACHE_CONTROL, cache_control),
        (VARY, "accept-encoding"),
    ];
    let contains = |name, text: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(text))
    };
    if contains(IF_NONE_MATCH, file.tag) {
        (StatusCode::NOT_MODIFIED, common).into_response()
    } else if contains(ACCEPT_ENCODING, "gzip") {
        let body = Bytes::from_static(file.gzip);
        (
            common,
            [(CONTENT_TYPE, file.media), (CONTENT_ENCODING, "gzip")],
            body,
        )
            .into_response()
    } else {
        (
            common,
            [(CONTENT_TYPE, file.media)],
            Bytes::from_static(file.plain),
        )
            .into_response()
    }
}

fn not_found(path: &str) -> Response {
    if path == "/" {
        (
            [
                (CONTENT_TYPE, "text/html; charset=utf-8"),
                (CACHE_CONTROL, "no-store"),
            ],
            NOT_BUILT,
        )
            .into_response()
    } else {
        (StatusCode::NOT_FOUND, "not found; the dashboard is at /\n").into_response()
    }
}
