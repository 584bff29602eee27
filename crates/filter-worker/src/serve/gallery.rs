//! The gallery: the page at `/`, whose files are part of the program.

use super::Front;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use std::sync::Arc;

const FILES: [(&str, &str, &str); 6] = [
    ("/", "text/html", include_str!("gallery/index.html")),
    (
        "/gallery.css",
        "text/css",
        include_str!("gallery/gallery.css"),
    ),
    (
        "/gallery.js",
        "text/javascript",
        include_str!("gallery/gallery.js"),
    ),
    (
        "/texts.js",
        "text/javascript",
        include_str!("gallery/texts.js"),
    ),
    (
        "/catalogue.js",
        "text/javascript",
        include_str!("gallery/catalogue.js"),
    ),
    (
        "/samples.js",
        "text/javascript",
        include_str!("gallery/samples.js"),
    ),
];

/// The routes of the page.
pub fn router() -> Router<Arc<Front>> {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            let head = [
                (header::CONTENT_TYPE, format!("{kind}; charset=utf-8")),
                (header::CACHE_CONTROL, "no-cache".into()),
            ];
            router.route(path, get((head, text)))
        })
}
