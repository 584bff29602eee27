//! The body of the reference worker's tasks.

use serde::{Deserialize, Serialize};

/// An image and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageTask {
    /// Filters by name, applied in this order.
    pub filters: Vec<String>,
    /// Where the image comes from.
    pub image: Source,
    /// Milliseconds to wait before the work: it stands in for a slow download.
    #[serde(default)]
    pub delay_ms: u64,
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Source {
    /// Made by the worker: the same seed gives the same pixels.
    Synthetic {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// Any number.
        #[serde(default)]
        seed: u64,
    },
    /// A PNG, JPEG or WebP file in base64.
    Base64(String),
    /// A key of the same Redis that holds such a file.
    Key(String),
}
