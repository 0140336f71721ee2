//! The knowledge about the events of one name: how the kernel prints them, and the form of the last one. All records of
//! an event have the same keys, so that the next line is read by what the last one had.

use std::cell::Cell;
use std::sync::Arc;

use smol_str::SmolStr;

use super::layout::{self, Key, Kind, LAYOUTS};
use super::number::Form;
use super::without_keys::{self, Raw};
use crate::Point;
use crate::event::Layout;

/// Fields of one event that are remembered: a hostile text has thousands.
const FIELDS: usize = 64;

/// Events of one name.
#[derive(Debug)]
pub(super) struct Known {
    /// How the kernel prints them, where that is known.
    keys: &'static [Key],
    /// How to read a text without keys, and what its fields are called.
    raw: Option<(Raw, Arc<Layout>)>,
    printed: Vec<Printed>,
    layout: Arc<Layout>,
}

/// A key that stood in the last event of this name.
#[derive(Debug)]
pub(super) struct Printed {
    /// As the text writes it.
    pub(super) key: SmolStr,
    /// How its value is written; `None` where that is not known.
    pub(super) kind: Option<Kind>,
    /// The key that the kernel prints after it.
    pub(super) next: Option<&'static str>,
    /// The form of its values, where no layout tells it.
    pub(super) form: Cell<Form>,
}

impl Known {
    pub(super) fn new(name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name);
        let keys = layout::find(&name).and_then(|layout| LAYOUTS.get(layout)).map_or(&[][..], |layout| layout.keys);
        let name: Arc<str> = name.into();
        let layout = |fields| Arc::new(Layout { name: Arc::clone(&name), fields });
        let raw = without_keys::raw(&name).map(|raw| (raw, layout(raw.fields.map(Into::into).into())));
        let mut known = Self { keys, raw, printed: Vec::new(), layout: layout(Vec::new()) };
        known.layout(keys.iter().map(|key| key.field));
        known
    }

    pub(super) fn name(&self) -> &str {
        &self.layout.name
    }

    pub(super) fn keys(&self) -> &'static [Key] {
        self.keys
    }

    /// The event whose text without keys this is; `None` where it is another text.
    #[inline]
    pub(super) fn raw(&self, text: &[u8]) -> Option<Point> {
        let (raw, layout) = self.raw.as_ref()?;
        Some(Point::new(Arc::clone(layout), (raw.values)(text)?))
    }

    /// The keys of the last event.
    pub(super) fn printed(&self) -> &[Printed] {
        &self.printed
    }

    /// The form of the values of a key that no layout knows: as it was before, or as the key's name tells.
    pub(super) fn form(&self, key: &[u8]) -> Form {
        let before = self.printed.iter().find(|printed| printed.key.as_bytes() == key);
        before.map_or_else(|| Form::of_field(key), |printed| printed.form.get())
    }

    /// The field names of the last event.
    #[inline]
    pub(super) fn last_layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// The layout of an event with these fields, which the next one is expected to have, too.
    pub(super) fn layout<'a>(&mut self, fields: impl Iterator<Item = &'a str> + Clone) -> Arc<Layout> {
        if self.layout.fields.iter().map(|field| &**field).eq(fields.clone()) {
            return self.last_layout();
        }
        let layout =
            Arc::new(Layout { name: Arc::clone(&self.layout.name), fields: fields.clone().map(Into::into).collect() });
        if layout.fields.len() <= FIELDS {
            self.printed = fields.map(|field| Printed::new(self.keys, field, self.form(field.as_bytes()))).collect();
            self.layout = Arc::clone(&layout);
        }
        layout
    }
}

impl Printed {
    fn new(keys: &'static [Key], field: &str, form: Form) -> Self {
        match keys.iter().position(|key| key.field == field).and_then(|at| Some((at, keys.get(at)?))) {
            Some((at, key)) => Self {
                key: SmolStr::new_static(key.printed),
                kind: Some(key.kind),
                next: keys.get(at + 1).map(|next| next.printed),
                form: Cell::new(Form::Any),
            },
            None => Self { key: field.into(), kind: None, next: None, form: Cell::new(form) },
        }
    }
}
