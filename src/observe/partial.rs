//! Objects of which only the used fields are built. Whoever may edit a namespace can create objects of 100,000 values: as
//! values in memory they need a hundred times the bytes of their text. While a [`Partial`] is read, what is not used is
//! skipped, and what is used has a limit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// What a value needs in memory, an entry of a map beside its texts, and the first node of a map.
const VALUE: usize = size_of::<Value>();
const ENTRY: usize = 64;
const MAP: usize = 640;
/// Values that are nested deeper are not read: each level needs some of the stack.
const MAX_DEPTH: usize = 32;
/// Characters of an error.
const MAX_ERROR: usize = 200;
/// The fields of `metadata` that identify an object and its version. No server lets them be long.
const IDENTITY: [&str; 7] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
];

/// The used fields of a value.
#[derive(Clone, Copy, Debug)]
pub enum Fields {
    /// The whole value.
    All,
    /// The whole value, if it needs at most so many bytes.
    AtMost(usize),
    /// These fields of a map, or of each map in an array. A value that is neither is used as it is.
    Only(&'static [(&'static str, Fields)]),
    /// The same for `metadata`: what identifies an object, and these. What identifies it is kept beyond the limit.
    Metadata(&'static [(&'static str, Fields)]),
    /// A text or a number that is kept beyond the limit.
    Identity,
}

impl Fields {
    /// The used fields of the field `name`; `None` if it is not used.
    fn of(self, name: &str) -> Option<Self> {
        let (Self::Only(used) | Self::Metadata(used)) = self else {
            return Some(Self::All);
        };
        if matches!(self, Self::Metadata(_)) && IDENTITY.contains(&name) {
            return Some(Self::Identity);
        }
        let found = used.iter().find(|(it, _)| *it == name);
        found.map(|(_, fields)| *fields)
    }

    /// Whether a part of it is kept beyond the limit.
    fn has_identity(self) -> bool {
        match self {
            Self::All | Self::AtMost(_) => false,
            Self::Only(used) => used.iter().any(|(_, fields)| fields.has_identity()),
            Self::Metadata(_) | Self::Identity => true,
        }
    }
}

/// A kind of objects, and what the operator uses of them.
pub trait Used {
    /// The used fields.
    const USED: Fields;
    /// How many bytes of memory they may need, roughly.
    const LIMIT: usize;
}

/// An object with its used fields, or why it cannot be read. One that cannot must not block the others of its list.
#[derive(Clone, Debug)]
pub struct Partial<K>(pub Result<K, Box<Unreadable>>);

/// An object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// What identifies it.
    pub metadata: ObjectMeta,
    /// What is wrong, for a person, in one line of at most 200 characters.
    pub error: String,
}

impl<'de, K: Used + DeserializeOwned> Deserialize<'de> for Partial<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (value, exceeded) = prune(deserializer, K::USED, K::LIMIT)?;
        let metadata = identity(&value["metadata"]);
        let object = match exceeded {
            Some(Exceeded::Size(limit)) => Err(format!(
                "the fields that the operator reads need more than {} KiB: make them smaller",
                limit / 1024
            )),
            Some(Exceeded::Depth) => Err(format!(
                "a field that the operator reads has more than {MAX_DEPTH} levels: make it flatter"
            )),
            // It quotes the value.
            None => K::deserialize(value)
                .map_err(|error| decide::foreign(&error.to_string(), MAX_ERROR)),
        };
        Ok(Self(
            object.map_err(|error| Box::new(Unreadable { metadata, error })),
        ))
    }
}

/// What identifies an object, as far as it can be read.
fn identity(metadata: &Value) -> ObjectMeta {
    fn field<T: DeserializeOwned>(metadata: &Value, name: &str) -> Option<T> {
        T::deserialize(metadata.get(name)?).ok()
    }
    ObjectMeta {
        name: field(metadata, "name"),
        namespace: field(metadata, "namespace"),
        uid: field(metadata, "uid"),
        resource_version: field(metadata, "resourceVersion"),
        generation: field(metadata, "generation"),
        creation_timestamp: field(metadata, "creationTimestamp"),
        deletion_timestamp: field(metadata, "deletionTimestamp"),
        ..ObjectMeta::default()
    }
}

impl<K: Resource> Resource for Partial<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0
            .as_ref()
            .map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0
            .as_mut()
            .map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

/// Which limit a value exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exceeded {
    Size(usize),
    Depth,
}

/// Reads the used fields of a value, and whether they exceed a limit: then only what identifies it is there.
fn prune<'de, D: Deserializer<'de>>(
    deserializer: D,
    fields: Fields,
    limit: usize,
) -> Result<(Value, Option<Exceeded>), D::Error> {
    let budget = Budget::new(limit);
    let pruned = Pruned {
        fields,
        budget: &budget,
        depth: 0,
    };
    let value = pruned.deserialize(deserializer)?;
    Ok((value, budget.exceeded.get()))
}

/// What the values that are still to come may need.
struct Budget {
    limit: usize,
    left: Cell<usize>,
    exceeded: Cell<Option<Exceeded>>,
}

impl Budget {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            left: Cell::new(limit),
            exceeded: Cell::new(None),
        }
    }

    /// Takes `bytes`; false if the value exceeds a limit, now or earlier.
    fn take(&self, bytes: usize) -> bool {
        match self.left.get().checked_sub(bytes) {
            _ if self.exceeded.get().is_some() => return false,
            Some(left) => self.left.set(left),
            None => self.exceeded.set(Some(Exceeded::Size(self.limit))),
        }
        self.exceeded.get().is_none()
    }
}

/// Builds a value with the used fields.
#[derive(Clone, Copy)]
struct Pruned<'a> {
    fields: Fields,
    budget: &'a Budget,
    depth: usize,
}

impl Pruned<'_> {
    /// Whether a value of so many bytes is kept.
    fn keeps(self, bytes: usize) -> bool {
        self.budget.take(bytes) || self.fields.has_identity()
    }

    /// Builds a value of at most `limit` bytes.
    fn within<'de, D: Deserializer<'de>>(
        self,
        limit: usize,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        let budget = Budget::new(limit);
        let part = Pruned {
            fields: Fields::All,
            budget: &budget,
            depth: self.depth,
        };
        let value = part.deserialize(deserializer)?;
        if self.budget.take(limit - budget.left.get()) {
            self.budget.exceeded.set(budget.exceeded.get());
        }
        Ok(value)
    }

    /// A value inside this one.
    fn inside(self, fields: Fields) -> Self {
        Self {
            fields,
            depth: self.depth + 1,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for Pruned<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH && self.budget.take(0) {
            self.budget.exceeded.set(Some(Exceeded::Depth));
        }
        if !self.keeps(VALUE) {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Value::Null);
        }
        match self.fields {
            Fields::AtMost(limit) => self.within(limit, deserializer),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Pruned<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        let is_kept = self.keeps(text.len());
        Ok(if is_kept { text.into() } else { Value::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while self.budget.take(0)
            && let Some(value) = values.next_element_seed(self.inside(self.fields))?
        {
            kept.push(value);
        }
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = self.fields.of(&name).map(|fields| self.inside(fields));
            let node = if kept.is_empty() { MAP } else { 0 };
            match value.filter(|value| value.keeps(node + ENTRY + name.len())) {
                Some(value) => {
                    let value = entries.next_value_seed(value)?;
                    kept.insert(name, value);
                }
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(kept.into())
    }
}

#[cfg(test)]
#[path = "partial/tests.rs"]
mod tests;
