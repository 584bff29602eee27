//! Parses a batch from JSON or a form. Nothing is copied or counted beyond the limits, whatever the client sent.

use super::super::filters;
use super::super::image::Format;
use super::HttpError;
use axum::body::Body;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::header;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Maximum number of filters in a batch: each task carries their names.
const MAX_FILTERS: usize = 16;
/// Longest delay that a batch may ask for, in milliseconds.
const MAX_DELAY_MS: u64 = 600_000;

/// A batch as a client sends it as JSON. Nothing of it is copied, whatever it contains.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonBatch<'a> {
    #[serde(borrow)]
    images: &'a RawValue,
    #[serde(borrow)]
    filters: &'a RawValue,
    #[serde(default)]
    delay_ms: u64,
    output: Option<Format>,
}

/// A batch whose filters, delay and number of images are good. The images themselves are not checked.
pub struct Batch<'a> {
    pub images: Vec<Image<'a>>,
    pub filters: Vec<String>,
    pub delay_ms: u64,
    pub output: Option<Format>,
}

/// The source of an image, as `protocol::Source`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Image<'a> {
    Synthetic {
        width: u32,
        height: u32,
        #[serde(default)]
        seed: u64,
    },
    #[serde(borrow)]
    Base64(Cow<'a, str>),
    /// A client of the front must not read arbitrary keys.
    #[serde(skip_serializing)]
    Key(IgnoredAny),
}

/// Parses the body of a JSON request.
pub fn parse_json(body: &[u8], max_images: usize) -> Result<Batch<'_>, HttpError> {
    let invalid = |error: serde_json::Error| {
        HttpError::bad_request(format!("invalid batch: {error}"))
            .hint(r#"send {"images": [{"base64": "..."}], "filters": ["blur"]}"#)
    };
    let batch: JsonBatch = serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        invalid(error).at(place)
    })?;
    let images = elements(batch.images, max_images).map_err(|error| invalid(error).at("images"))?;
    let filters =
        elements(batch.filters, MAX_FILTERS).map_err(|error| invalid(error).at("filters"))?;
    check_count("filters", filters.count, 0, MAX_FILTERS)?;
    check_count("images", images.count, 1, max_images)?;
    let name = |it: &&RawValue| {
        serde_json::from_str(it.get()).map_err(|error| invalid(error).at("filters"))
    };
    let filters: Vec<String> = filters.first.iter().map(name).collect::<Result<_, _>>()?;
    check_work(&filters, batch.delay_ms)?;
    let images = images.first.into_iter().enumerate();
    let images = images
        .map(|(n, text)| parse_image(n, text))
        .collect::<Result<_, _>>()?;
    Ok(Batch {
        images,
        filters,
        delay_ms: batch.delay_ms,
        output: batch.output,
    })
}

fn parse_image(n: usize, text: &RawValue) -> Result<Image<'_>, HttpError> {
    serde_json::from_str(text.get()).map_err(|error| {
        HttpError::bad_request(format!("invalid image: {error}"))
            .at(format!("images[{n}]"))
            .hint(r#"an image is {"base64": file} or {"synthetic": {"width": n, "height": n, "seed": n}}"#)
    })
}

/// The first elements of a JSON array, unparsed, and how many there are.
struct Elements<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

fn elements(text: &RawValue, max: usize) -> serde_json::Result<Elements<'_>> {
    AtMost(max).deserialize(&mut serde_json::Deserializer::from_str(text.get()))
}

struct AtMost(usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Elements<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Elements<'de>, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Elements<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements<'de>, A::Error> {
        let mut first = Vec::new();
        while first.len() < self.0 {
            let Some(element) = array.next_element()? else {
                break;
            };
            first.push(element);
        }
        let mut count = first.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { first, count })
    }
}

fn check_count(what: &str, count: usize, min: usize, max: usize) -> Result<(), HttpError> {
    if (min..=max).contains(&count) {
        return Ok(());
    }
    let message = format!("{count} {what} in a batch");
    Err(HttpError::bad_request(message)
        .at(what)
        .hint(format!("send {min} to {max}")))
}

fn check_work(filters: &[String], delay_ms: u64) -> Result<(), HttpError> {
    filters::by_name(filters).map_err(|failure| HttpError::from(failure).at("filters"))?;
    if delay_ms > MAX_DELAY_MS {
        let message = format!("{delay_ms} ms is more than the maximum of {MAX_DELAY_MS} ms");
        return Err(HttpError::bad_request(message).at("delayMs"));
    }
    Ok(())
}

/// Reads the parts of a form: `images` (files), `filters` (names separated by commas), `delayMs` and `output`.
pub async fn read_form(
    body: Vec<u8>,
    kind: &str,
    max_images: usize,
) -> Result<Batch<'static>, HttpError> {
    let request = Request::builder()
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body));
    let mut request = request.map_err(|error| HttpError::bad_request(error.to_string()))?;
    DefaultBodyLimit::disable().apply(&mut request); // the body is here already
    let unreadable = |error: MultipartError| HttpError::bad_request(error.body_text());
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| HttpError::bad_request(error.body_text()).at("header Content-Type"))?;
    let mut batch = Batch {
        images: Vec::new(),
        filters: Vec::new(),
        delay_ms: 0,
        output: None,
    };
    while let Some(part) = form.next_field().await.map_err(unreadable)? {
        let name: String = part.name().unwrap_or_default().chars().take(40).collect();
        let invalid = |message: String| HttpError::bad_request(message).at(format!("part {name}"));
        if name == "images" {
            check_count("images", batch.images.len() + 1, 1, max_images)?;
            let file = part.bytes().await.map_err(unreadable)?;
            batch
                .images
                .push(Image::Base64(BASE64_STANDARD.encode(file).into()));
            continue;
        }
        let text = part.text().await.map_err(unreadable)?;
        match name.as_str() {
            "filters" => {
                let count = batch.filters.len() + text.split(',').count();
                check_count("filters", count, 0, MAX_FILTERS)?;
                batch
                    .filters
                    .extend(text.split(',').map(|it| it.trim().to_owned()));
            }
            "delayMs" => {
                batch.delay_ms = text
                    .trim()
                    .parse()
                    .map_err(|_| invalid(format!("{text:?} is not a number of milliseconds")))?;
            }
            "output" => {
                let format = Format::deserialize(Value::from(text.trim()));
                batch.output = Some(format.map_err(|error| invalid(error.to_string()))?);
            }
            _ => {
                return Err(invalid("unknown part".into())
                    .hint("known parts: images, filters, delayMs, output"));
            }
        }
    }
    check_count("images", batch.images.len(), 1, max_images)?;
    check_work(&batch.filters, batch.delay_ms)?;
    Ok(batch)
}
