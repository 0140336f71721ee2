//! Fields by name in the fetch arguments of a probe: `task($arg1).real_parent.pid` becomes what the kernel understands,
//! `+976(+984($arg1)):s32` (Documentation/trace/kprobetrace.rst).
//!
//! The name before the parenthesis says what the value inside points to. Pointers on the way are followed. Without a type
//! after it a value has its field's own: `s32`, `u8`, `x64` for a pointer, `string` for characters.

use crate::Names;
use crate::layouts::{Field, Kind, Layouts};
use crate::target::Registers;
use kernsnap_yaml::did_you_mean;

/// The error in an argument, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// A lowercase fragment.
    pub message: String,
    /// A hint.
    pub hint: Option<String>,
}

impl FetchError {
    fn new(message: String, hint: impl Into<Option<String>>) -> Self {
        Self { message, hint: hint.into() }
    }
}

/// True if any argument names a field.
#[must_use]
pub fn names_fields(fetch: &str) -> bool {
    fetch.split_whitespace().any(|argument| role_map(argument).is_some())
}

/// `$argN` by the register that holds the argument.
#[must_use]
pub fn by_register(fetch: &str, registers: Registers) -> String {
    let (letter, count) = match registers {
        Registers::Arm => ('r', 4),
        Registers::Arm64 => ('x', 8),
    };
    let replace =
        |fetch: String, number: u32| fetch.replace(&format!("$arg{number}"), &format!("%{letter}{}", number - 1));
    (1..=count).fold(fetch.to_owned(), replace)
}

/// The arguments in the kernel's own language.
///
/// # Errors
/// A [`FetchError`] where a structure or a field is not there.
pub fn compile(fetch: &str, layouts: &Layouts, names: &Names) -> Result<String, FetchError> {
    let arguments: Result<Vec<String>, FetchError> = fetch
        .split_whitespace()
        .map(|argument| match role_map(argument) {
            None => Ok(argument.to_owned()),
            Some(role_map) => role_map.compile(layouts, names),
        })
        .collect();
    Ok(arguments?.join(" "))
}

/// `NAME=STRUCT(VALUE).FIELD.FIELD:TYPE`
struct TypeCast<'a> {
    /// With its `=`; may be empty.
    name: &'a str,
    of: &'a str,
    value: &'a str,
    path: &'a str,
    kind: Option<&'a str>,
}

/// The parts of an argument that names a field. The kernel's own begin with `$`, `%`, `@`, `+`, `-` or `\`.
fn role_map(argument: &str) -> Option<TypeCast<'_>> {
    let start = argument.find('=').map_or(0, |at| at + 1);
    let (name, rest) = argument.split_at(start);
    let (of, rest) = rest.split_once('(')?;
    if !of.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let (value, rest) = rest.rsplit_once(')')?;
    let (path, kind) = match rest.split_once(':') {
        Some((path, kind)) => (path, Some(kind)),
        None => (rest, None),
    };
    Some(TypeCast { name, of, value, path: path.strip_prefix('.').unwrap_or(path), kind })
}

impl TypeCast<'_> {
    fn compile(&self, layouts: &Layouts, names: &Names) -> Result<String, FetchError> {
        let Some(mut of) = names.candidates(self.of).find(|name| layouts.fields(name).is_some()).map(str::to_owned)
        else {
            let hint = did_you_mean(self.of, layouts.names());
            return Err(FetchError::new(format!("this kernel has no structure `{}`", self.of), hint));
        };
        let mut place = Location { value: self.value.to_owned(), offset: 0 };
        let mut fields = self.path.split('.').peekable();
        let mut kind = Kind::Other;
        while let Some(name) = fields.next() {
            let Field { offset, kind: found, .. } = field(layouts, names, &of, name)?;
            place.offset += offset;
            kind = found;
            if fields.peek().is_none() {
                break;
            }
            of = match &kind {
                Kind::Struct(inner) => inner.clone(),
                Kind::Pointer(Some(target)) => {
                    place.follow();
                    target.clone()
                }
                _ => {
                    let message = format!("field `{name}` of `{of}` is not a structure and points to none");
                    return Err(FetchError::new(message, None));
                }
            };
        }
        // A counter is a structure of one integer, perhaps in another: `refcount_t`.
        while let Kind::Struct(inner) = &kind
            && let Some([only]) = layouts.fields(inner)
        {
            place.offset += only.offset;
            kind = only.kind.clone();
        }
        let own = match kind {
            Kind::Integer { bytes, signed } => format!("{}{}", if signed { 's' } else { 'u' }, u32::from(bytes) * 8),
            Kind::Pointer(_) => format!("x{}", layouts.pointer_bits),
            Kind::Text => "string".to_owned(),
            Kind::Struct(_) | Kind::Other => {
                let hint = "name a field inside of it".to_owned();
                return Err(FetchError::new(format!("`{}` is not a single value", self.path), hint));
            }
        };
        Ok(format!("{}{place}:{}", self.name, self.kind.unwrap_or(&own)))
    }
}

/// The field that `name` means; a logical name may stand for a path through structures inside of `of`.
fn field(layouts: &Layouts, names: &Names, of: &str, name: &str) -> Result<Field, FetchError> {
    names.candidates(name).find_map(|path| layouts.embedded(of, path)).ok_or_else(|| {
        let known = layouts.fields(of).unwrap_or_default().iter().map(|field| field.name.as_str());
        FetchError::new(format!("`{of}` has no field `{name}` in this kernel"), did_you_mean(name, known))
    })
}

/// An address in the kernel's language: so many bytes behind a value.
struct Location {
    value: String,
    offset: u64,
}

impl Location {
    /// Goes to what the pointer that stands here points to.
    fn follow(&mut self) {
        *self = Self { value: self.to_string(), offset: 0 };
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{}({})", self.offset, self.value)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn layouts() -> Layouts {
        let field = |name: &str, offset, kind| Field { name: name.into(), offset, kind };
        let int = |bytes, signed| Kind::Integer { bytes, signed };
        let task = vec![
            field("__state", 24, int(4, false)),
            field("usage", 40, Kind::Struct("refcount_t".into())),
            field("pid", 976, int(4, true)),
            field("real_parent", 984, Kind::Pointer(Some("task_struct".into()))),
            field("thread_info", 0, Kind::Struct("thread_info".into())),
            field("comm", 1464, Kind::Text),
        ];
        let structs = [
            ("task_struct", task),
            ("thread_info", vec![field("flags", 0, int(8, false)), field("cpu", 16, int(4, false))]),
            ("refcount_t", vec![field("refs", 0, Kind::Struct("atomic_t".into()))]),
            ("atomic_t", vec![field("counter", 0, int(4, true))]),
        ];
        Layouts {
            structs: structs.into_iter().map(|(name, fields)| (name.to_owned(), fields)).collect(),
            pointer_bits: 64,
        }
    }

    #[track_caller]
    fn check(fetch: &str, expected: Result<&str, &str>) {
        let names = Names::read(
            Path::new("names.yaml"),
            "task: [task_struct]\nstate: [__state, state]\ncpu_of: [info.cpu, thread_info.cpu, cpu]\n",
        )
        .expect("names");
        let found = compile(fetch, &layouts(), &names).map_err(|mistake| mistake.message);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{fetch}");
    }

    #[test]
    fn fields_become_offsets() {
        check("pid=task($arg1).pid", Ok("pid=+976($arg1):s32"));
        check("state=task(%x0).state:x32", Ok("state=+24(%x0):x32"));
        check("ppid=task($arg1).real_parent.pid", Ok("ppid=+976(+984($arg1)):s32"));
        check("parent=task($arg1).real_parent", Ok("parent=+984($arg1):x64"));
        check("cpu=task($arg1).thread_info.cpu", Ok("cpu=+16($arg1):u32"));
        check("cpu=task($arg1).cpu_of", Ok("cpu=+16($arg1):u32"));
        check("users=task($arg1).usage name=task($arg1).comm", Ok("users=+40($arg1):s32 name=+1464($arg1):string"));
        check("pid=task(+8($arg2)).pid", Ok("pid=+976(+8($arg2)):s32"));
        check("code=$arg1:x64 at=+8(%sp)", Ok("code=$arg1:x64 at=+8(%sp)"));
    }

    #[test]
    fn what_is_not_there_is_said() {
        check("pid=tusk($arg1).pid", Err("this kernel has no structure `tusk`"));
        check("pid=task($arg1).pod", Err("`task_struct` has no field `pod` in this kernel"));
        check("pid=task($arg1).pid.x", Err("field `pid` of `task_struct` is not a structure and points to none"));
        check("info=task($arg1).thread_info", Err("`thread_info` is not a single value"));
    }

    #[test]
    fn arguments_go_by_register() {
        let check =
            |registers, expected| assert_eq!(by_register("a=$arg1 b=+8($arg4):u32 c=$retval", registers), expected);
        check(Registers::Arm, "a=%r0 b=+8(%r3):u32 c=$retval");
        check(Registers::Arm64, "a=%x0 b=+8(%x3):u32 c=$retval");
    }
}
