//! Values that a scenario writes as one word where that is enough, and as a map elsewhere.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::raw::{RawEvent, RawForkedBy, RawFunction};

/// Something that has both forms.
trait Short: Sized {
    /// The map.
    type Full: for<'de> Deserialize<'de>;
    /// Both, for messages.
    const FORMS: &'static str;

    fn of_word(word: &str) -> Self;
    fn of_map(full: Self::Full) -> Self;
}

struct ShortVisitor<T>(PhantomData<T>);

impl<'de, T: Short> Visitor<'de> for ShortVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::FORMS)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        Ok(T::of_word(word))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::Full::deserialize(MapAccessDeserializer::new(map)).map(T::of_map)
    }
}

fn deserialize<'de, T: Short, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(ShortVisitor(PhantomData))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullForkedBy {
    role: String,
    nth: NonZeroUsize,
}

impl Short for RawForkedBy {
    type Full = FullForkedBy;
    const FORMS: &'static str = "a role (`parent`) or `{ role: parent, nth: 2 }`";

    fn of_word(role: &str) -> Self {
        Self { role: role.into(), nth: 1 }
    }

    fn of_map(full: FullForkedBy) -> Self {
        Self { role: full.role, nth: full.nth.get() }
    }
}

impl<'de> Deserialize<'de> for RawForkedBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullEvent {
    name: String,
    filter: Option<String>,
}

impl Short for RawEvent {
    type Full = FullEvent;
    const FORMS: &'static str = "an event (`sched_switch`) or `{ name: sched_switch, filter: 'prev_prio < 100' }`";

    fn of_word(name: &str) -> Self {
        Self { name: name.into(), filter: None }
    }

    fn of_map(full: FullEvent) -> Self {
        Self { name: full.name, filter: full.filter }
    }
}

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FullFunction {
    name: String,
    if_present: bool,
}

impl Short for RawFunction {
    type Full = FullFunction;
    const FORMS: &'static str = "a function (`do_exit`) or `{ name: do_exit, if-present: true }`";

    fn of_word(name: &str) -> Self {
        Self { name: name.into(), if_present: false }
    }

    fn of_map(full: FullFunction) -> Self {
        Self { name: full.name, if_present: full.if_present }
    }
}

impl<'de> Deserialize<'de> for RawFunction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}
