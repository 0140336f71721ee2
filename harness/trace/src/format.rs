//! ftrace's own description of its records: `events/GROUP/NAME/format` and `events/header_page`.

use std::sync::Arc;

/// One event's record layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// The event's name, without its group.
    pub(super) name: Arc<str>,
    /// The number in `common_type` of its records.
    pub(super) id: u16,
    /// All fields, the `common_` ones first.
    pub(super) fields: Vec<Field>,
    /// The text behind `print fmt:`, a C expression.
    pub(super) print: String,
}

/// One field of a record. Offsets count from the record's first byte, which is `common_type`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The C type, without array brackets and `__data_loc`: `unsigned long`, `const char *`.
    pub(super) ctype: String,
    /// Bytes from the start of the record.
    pub(super) offset: u32,
    /// Bytes it takes there; 0 where it reaches to the record's end.
    pub(super) size: u32,
    /// True if its integers are signed.
    pub(super) signed: bool,
    /// How its value is stored.
    pub(super) storage: Storage,
}

/// Where a field's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// One value, in place.
    Single,
    /// An array in place: its length where the text says it in figures.
    Array(Option<u32>),
    /// From the offset to the record's end (`char buf[]`).
    Tail,
    /// In place is a u32: the length in its upper half, and in the lower one where the array lies in the record.
    DataLoc,
    /// The same, with the place counted from the end of the u32 (5.17 and later).
    RelLoc,
}

/// The layout of a sub-buffer page's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderPage {
    /// Where the u64 `timestamp` of the page lies.
    pub(super) timestamp: u32,
    /// Where `commit` lies: how many bytes behind the head are in use, and flags.
    pub(super) commit: u32,
    /// Bytes of `commit`: the guest's `long`, 4 or 8.
    pub(super) long: u32,
    /// Where the records begin.
    pub(super) data: u32,
    /// Bytes of the records' part of a page.
    pub(super) data_size: u32,
}

/// A line `field:DECLARATION; offset:N; size:N; signed:N;`.
struct FieldLine<'a> {
    declaration: &'a str,
    offset: u32,
    size: u32,
    signed: bool,
}

/// The name in a `format` file, which its first line has.
pub(super) fn name_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim().strip_prefix("name:")).map(str::trim)
}

/// Reads a `format` file. The error says what is missing or wrong.
pub(super) fn parse_format(text: &str) -> Result<Format, String> {
    let mut name = None;
    let mut id = None;
    let mut fields = Vec::new();
    let (text, print) = match text.split_once("print fmt:") {
        // Its strings may have lines of their own.
        Some((text, print)) => (text, print.trim().to_owned()),
        None => (text, String::new()),
    };
    for line in text.lines().map(str::trim) {
        if let Some(word) = line.strip_prefix("name:") {
            name = Some(word.trim());
        } else if let Some(number) = line.strip_prefix("ID:") {
            id = Some(number.trim().parse().map_err(|e| format!("`{line}`: {e}"))?);
        } else if line.starts_with("field:") {
            fields.push(Field::parse(line).ok_or_else(|| format!("cannot read the field `{line}`"))?);
        }
    }
    let name = name.ok_or("no line `name:`")?.into();
    Ok(Format { name, id: id.ok_or("no line `ID:`")?, fields, print })
}

impl Format {
    /// The field called `name`.
    #[must_use]
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}

impl HeaderPage {
    /// 64-bit kernels with 4096-byte pages.
    pub(super) const BITS_64: Self = Self { timestamp: 0, commit: 8, long: 8, data: 16, data_size: 4080 };

    /// Reads `events/header_page`. The error says what is missing or wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let find = |name: &str| {
            text.lines()
                .filter_map(|line| FieldLine::parse(line.trim()))
                .find(|line| declared_name(line.declaration) == Some(name))
                .ok_or_else(|| format!("no field `{name}`"))
        };
        let (timestamp, commit, data) = (find("timestamp")?, find("commit")?, find("data")?);
        let page = Self {
            timestamp: timestamp.offset,
            commit: commit.offset,
            long: commit.size,
            data: data.offset,
            data_size: data.size,
        };
        let overlaps = |offset: u32, size| offset.checked_add(size).is_none_or(|end| end > page.data);
        if timestamp.size != 8 || !matches!(page.long, 4 | 8) || page.data_size == 0 {
            return Err("`timestamp` is not 8 bytes, `commit` not 4 or 8, or `data` empty".into());
        }
        if overlaps(page.timestamp, 8)
            || overlaps(page.commit, page.long)
            || page.data.checked_add(page.data_size).is_none()
        {
            return Err("`timestamp`, `commit` and `data` overlap".into());
        }
        Ok(page)
    }

    /// Bytes of a whole page.
    #[must_use]
    pub(super) fn size(self) -> u32 {
        self.data.saturating_add(self.data_size)
    }
}

impl<'a> FieldLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.strip_prefix("field:")?.split(';').map(str::trim);
        let mut found = Self { declaration: parts.next()?, offset: 0, size: 0, signed: false };
        for part in parts.filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once(':')?;
            let value = value.trim().parse().ok()?;
            match key.trim() {
                "offset" => found.offset = value,
                "size" => found.size = value,
                "signed" => found.signed = value != 0,
                _ => {}
            }
        }
        Some(found)
    }
}

impl Field {
    fn parse(line: &str) -> Option<Self> {
        let FieldLine { declaration, offset, size, signed } = FieldLine::parse(line)?;
        let name = declared_name(declaration)?;
        let (mut ctype, after) = declaration.rsplit_once(name)?;
        let mut storage = match after.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some("") => Storage::Tail,
            Some(length) => Storage::Array(length.trim().parse().ok()),
            None if size == 0 => Storage::Tail,
            None => Storage::Single,
        };
        for (word, dynamic) in [("__data_loc", Storage::DataLoc), ("__rel_loc", Storage::RelLoc)] {
            if let Some(rest) = ctype.trim().strip_prefix(word) {
                (ctype, storage) = (rest, dynamic);
            }
        }
        let ctype = match ctype.trim().strip_suffix("[]") {
            Some(element) => element.trim().to_owned(),
            None => ctype.trim().to_owned(),
        };
        Some(Self { name: name.into(), ctype, offset, size, signed, storage })
    }
}

/// The identifier a C declaration declares: `buf` in `char buf[16]`, `fn` in `void (*fn)(int)`.
fn declared_name(declaration: &str) -> Option<&str> {
    let head = match declaration.find("(*") {
        Some(at) => declaration.get(at + 2..)?.split(')').next()?,
        None if declaration.ends_with(']') => declaration.rsplit_once('[')?.0,
        None => declaration,
    };
    let head = head.trim_end();
    let at = head.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    head.get(at..).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let shown = Field::parse(line)
            .map(|f| format!("{}|{}|{}+{}|{}|{:?}", f.name, f.ctype, f.offset, f.size, f.signed, f.storage));
        assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{line}");
    }

    #[test]
    fn a_field_line_says_name_type_place_and_storage() {
        for (line, expected) in [
            (
                "field:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;",
                "common_type|unsigned short|0+2|false|Single",
            ),
            ("field:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;", "prev_comm|char|8+16|false|Array(Some(16))"),
            ("field:char comm[TASK_COMM_LEN];offset:8;size:16;signed:1;", "comm|char|8+16|true|Array(None)"),
            ("field:__data_loc char[] name;\toffset:8;\tsize:4;\tsigned:1;", "name|char|8+4|true|DataLoc"),
            ("field:__rel_loc char[] name;\toffset:8;\tsize:4;\tsigned:1;", "name|char|8+4|true|RelLoc"),
            ("field:__data_loc cpumask_t *[] mask;offset:8;size:4;signed:0;", "mask|cpumask_t *|8+4|false|DataLoc"),
            ("field:const char * filename;\toffset:16;\tsize:8;\tsigned:0;", "filename|const char *|16+8|false|Single"),
            ("field:const char *fmt;\toffset:16;\tsize:8;\tsigned:0;", "fmt|const char *|16+8|false|Single"),
            ("field:char buf[];\toffset:16;\tsize:0;\tsigned:0;", "buf|char|16+0|false|Tail"),
            ("field:char buf;\toffset:16;\tsize:0;\tsigned:0;", "buf|char|16+0|false|Tail"),
            (
                "field:unsigned long caller[8];offset:16;size:64;signed:0;",
                "caller|unsigned long|16+64|false|Array(Some(8))",
            ),
            ("field:void (*fn)(int);offset:8;size:8;signed:0;", "fn|void (*|8+8|false|Single"),
            ("field:;offset:8;size:8;signed:0;", "none"),
            ("field:int x;offset:eight;size:8;signed:0;", "none"),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn a_format_has_name_number_fields_and_print_text() {
        let text = "name: fork\nID: 317\nformat:\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n\n\
                    \tfield:int b;\toffset:12;\tsize:4;\tsigned:1;\n\nprint fmt: \"a=%d\", REC->a\n";
        let format = parse_format(text).expect("a whole format");
        assert_eq!((&*format.name, format.id, format.fields.len()), ("fork", 317, 2));
        assert_eq!((format.print.as_str(), format.field("b").map(|f| f.offset)), ("\"a=%d\", REC->a", Some(12)));
        let lines = parse_format("name: a\nID: 1\nprint fmt: \"x\n\tname: %d\", REC->a\n").expect("a format");
        assert_eq!((&*lines.name, lines.print.as_str()), ("a", "\"x\n\tname: %d\", REC->a"));
        for (broken, expected) in [("ID: 1", "no line `name:`"), ("name: a", "no line `ID:`")] {
            assert_eq!(parse_format(broken), Err(expected.to_owned()));
        }
        assert!(parse_format("name: a\nID: 70000").is_err());
    }

    #[test]
    fn a_page_head_is_read_and_an_impossible_one_refused() {
        let head = |commit: u32, data: u32| {
            format!(
                "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\
                 \tfield: local_t commit;\toffset:8;\tsize:{commit};\tsigned:1;\n\
                 \tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\
                 \tfield: char data;\toffset:{data};\tsize:{};\tsigned:0;\n",
                4096 - data
            )
        };
        assert_eq!(HeaderPage::parse(&head(8, 16)), Ok(HeaderPage::BITS_64));
        let small = HeaderPage { timestamp: 0, commit: 8, long: 4, data: 12, data_size: 4084 };
        assert_eq!(HeaderPage::parse(&head(4, 12)), Ok(small));
        assert!(HeaderPage::parse(&head(8, 12)).is_err());
        assert!(HeaderPage::parse(&head(3, 16)).is_err());
        assert!(HeaderPage::parse("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_can_break_it(text in "((name|ID|print fmt|field):[a-z0-9 *()\\[\\];:_]*\n|.*\n)*") {
            let _ = (parse_format(&text), HeaderPage::parse(&text));
        }
    }
}
