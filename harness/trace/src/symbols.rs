//! The guest's symbol table: which function an address lies in. Built once, then only asked.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::{CodeLocation, FunctionName, IssueKind, IssuePlace, ParseIssue, Symbol};

/// No function is longer; what lies further after the last symbol of a region belongs to nothing.
const LONGEST_FUNCTION: u64 = 1 << 20;

/// Text symbols of a kernel image and its modules.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Sorted by start. Where two overlap, the one that starts later hides the other's tail.
    regions: Vec<Region>,
}

/// A piece of address space whose functions follow one another without a gap.
#[derive(Clone, Debug)]
struct Region {
    range: Range<u64>,
    module: Option<Arc<str>>,
    /// Where the functions start, ascending; the first one starts the region. Apart from the names, so that a search
    /// stays within few cache lines.
    starts: Vec<u64>,
    /// Their names, in the same order.
    names: Vec<FunctionName>,
}

/// One line `ADDR TYPE NAME [MODULE]`.
#[derive(Clone, Copy)]
struct Line<'a> {
    address: u64,
    kind: char,
    name: &'a str,
    module: Option<&'a str>,
}

impl Symbols {
    /// Reads `System.map` or `/proc/kallsyms`: lines `ADDR TYPE NAME [MODULE]`, the address in hexadecimal. Keeps text
    /// symbols; of several at one address, the one the kernel itself would print. `_etext` and `_einittext` end regions.
    #[must_use]
    pub fn from_system_map(text: &str) -> (Self, Vec<ParseIssue>) {
        let mut lines = Vec::new();
        let mut ends = Vec::new();
        let mut issues = Vec::new();
        for (number, line) in text.lines().enumerate() {
            match Line::quick(line).or_else(|| Line::parse(line)) {
                None if line.trim().is_empty() => {}
                None => issues.push(ParseIssue {
                    place: IssuePlace::Symbols(Some(number + 1)),
                    kind: IssueKind::WrongTableLine { expected: "ADDR TYPE NAME", found: line.to_owned() },
                }),
                Some(line) if matches!(line.name, "_etext" | "_einittext") => ends.push(line.address),
                Some(line) if line.is_function() => lines.push(line),
                Some(_) => {}
            }
        }
        if !lines.is_empty() && lines.iter().all(|line| line.address == 0) {
            issues.push(ParseIssue { place: IssuePlace::Symbols(None), kind: IssueKind::HiddenAddresses });
            lines.clear();
        }
        // Stable, and by address first: equal ranks keep the order of the file, as scripts/kallsyms.c does.
        lines.sort_by(Line::compare);
        lines.dedup_by_key(|line| line.address);
        ends.sort_unstable();
        (Self { regions: regions(&lines, &ends) }, issues)
    }

    /// Adds one text section of a module: where it was loaded, and its functions as (offset in the section, name) in
    /// any order.
    pub fn add_module<'a>(
        &mut self,
        module: &str,
        section: Range<u64>,
        functions: impl IntoIterator<Item = (u64, &'a str)>,
    ) {
        let mut lines: Vec<_> = functions
            .into_iter()
            .filter_map(|(offset, name)| {
                let address = section.start.checked_add(offset).filter(|address| section.contains(address))?;
                Some(Line { address, kind: 't', name, module: Some(module) })
            })
            .filter(|line| line.is_function())
            .collect();
        lines.sort_by(Line::compare);
        lines.dedup_by_key(|line| line.address);
        let Some(first) = lines.first() else { return };
        let region = Region::new(first.address..section.end, Some(module), &lines);
        let at = self.regions.partition_point(|other| other.range.start < region.range.start);
        self.regions.insert(at, region);
    }

    /// The function around `address`. Does not allocate: names are shared.
    #[must_use]
    pub fn resolve(&self, address: u64) -> Symbol {
        match self.place(address) {
            Some(place) => Symbol::Function { place: Arc::new(place), address: Some(address) },
            None => Symbol::Address(address),
        }
    }

    /// The end of the function that ends where another one begins; `None` at any other address.
    #[must_use]
    pub(super) fn resolve_end(&self, address: u64) -> Option<Symbol> {
        let next = self.place(address).filter(|next| next.offset == Some(0))?;
        let last = self.place(address.checked_sub(1)?).filter(|last| last.module == next.module)?;
        let place =
            CodeLocation { offset: last.offset.map(|offset| offset + 1), followed_by: Some(next.function), ..last };
        Some(Symbol::Function { place: Arc::new(place), address: Some(address) })
    }

    /// The same as lines of `/proc/kallsyms`, each region closed by an `_etext`.
    #[must_use]
    pub fn to_kallsyms(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |address: u64, name: &str, module: Option<&str>| {
            let _ = match module {
                Some(module) => writeln!(text, "{address:016x} t {name}\t[{module}]"),
                None => writeln!(text, "{address:016x} t {name}"),
            };
        };
        for Region { range, module, starts, names } in &self.regions {
            for (start, name) in starts.iter().zip(names) {
                line(*start, name.full(), module.as_deref());
            }
            line(range.end, "_etext", module.as_deref());
        }
        text
    }

    /// The number of functions that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.regions.iter().map(|region| region.starts.len()).sum()
    }

    /// True if no function is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    fn place(&self, address: u64) -> Option<CodeLocation> {
        let below = self.regions.partition_point(|region| region.range.start <= address);
        let region = self.regions.get(below.checked_sub(1)?)?;
        if !region.range.contains(&address) {
            return None;
        }
        let last = region.starts.partition_point(|start| *start <= address).checked_sub(1)?;
        let (start, function) = (region.starts.get(last)?, region.names.get(last)?);
        let (offset, module) = (Some(address - start), region.module.clone());
        Some(CodeLocation { function: function.clone(), offset, module, followed_by: None })
    }
}

impl Region {
    fn new(range: Range<u64>, module: Option<&str>, lines: &[Line<'_>]) -> Self {
        Self {
            range,
            module: module.map(Into::into),
            starts: lines.iter().map(|line| line.address).collect(),
            names: lines.iter().map(|line| FunctionName::new(line.name)).collect(),
        }
    }
}

impl<'a> Line<'a> {
    /// A line as the kernel writes it. Most lines of a recording's symbols are of it, and a kernel has a hundred thousand.
    #[inline]
    fn quick(line: &'a str) -> Option<Self> {
        let (head, rest) = line.as_bytes().split_first_chunk::<19>()?;
        let [digits @ .., b' ', kind, b' '] = head else { return None };
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut address = 0;
        for byte in digits {
            address = address << 4 | u64::from(digit(*byte)?);
        }
        let is_plain = |byte: &u8| byte.is_ascii_graphic();
        if !kind.is_ascii_graphic() || rest.is_empty() || !rest.iter().all(is_plain) {
            return None;
        }
        Some(Self { address, kind: char::from(*kind), name: line.get(19..)?, module: None })
    }

    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let mut kinds = words.next()?.chars();
        let (kind, None) = (kinds.next()?, kinds.next()) else { return None };
        let name = words.next()?;
        let module = words.next().and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        Some(Self { address, kind, name, module })
    }

    /// A text symbol, and neither a mapping symbol (`$x`, `$d`, `$t.3`) nor a local label (`.L5`).
    fn is_function(self) -> bool {
        matches!(self.kind, 't' | 'T' | 'w' | 'W') && !self.name.starts_with(['$', '.'])
    }

    /// By address, and of one address the better name first.
    fn compare(&self, other: &Self) -> Ordering {
        self.address.cmp(&other.address).then_with(|| self.rank().cmp(&other.rank()))
    }

    /// Lower is better among aliases: the order of `compare_symbols()` in scripts/kallsyms.c, so that names agree with
    /// what the kernel prints: strong, then not made up by the linker script, then the fewest leading underscores.
    fn rank(self) -> (bool, bool, usize) {
        let weak = matches!(self.kind, 'w' | 'W');
        let linker = self.name.len() >= 8
            && self.name.strip_prefix("__").is_some_and(|rest| {
                ["start_", "stop_", "end_"].iter().any(|prefix| rest.starts_with(prefix))
                    || ["_start", "_end"].iter().any(|suffix| rest.ends_with(suffix))
            });
        let underscores = self.name.len() - self.name.trim_start_matches('_').len();
        (weak, linker, underscores)
    }
}

/// Cuts sorted lines where a section ends, the module changes, or nothing comes for longer than a function can be.
fn regions(lines: &[Line<'_>], ends: &[u64]) -> Vec<Region> {
    let end_of = |first: u64, last: u64| {
        let marker = ends.get(ends.partition_point(|end| *end <= first)).copied().unwrap_or(u64::MAX);
        last.saturating_add(LONGEST_FUNCTION).min(marker)
    };
    lines
        .chunk_by(|a, b| a.module == b.module && b.address < end_of(a.address, a.address))
        .filter_map(|chunk| {
            let (first, last) = (chunk.first()?, chunk.last()?);
            let range = first.address..end_of(first.address, last.address);
            Some(Region::new(range, first.module, chunk))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
0000000000000000 A _kernel_flags_le_hi32
ffff800008000000 T _text
ffff800008000000 t $x.1
ffff800008010000 W weak_alias
ffff800008010000 t local_first
ffff800008010000 T __strong
ffff800008010100 t copy_process.part.5
ffff800008010200 d not_text
ffff800008018000 T __sched_text_start
ffff800008018000 T __switch_to
ffff800008020000 D _etext
ffff800009000000 T _sinittext
ffff800009000040 t start_kernel
ffff800009000100 T _einittext
ffff800001000000 t mod_init\t[snap]
ffff800001000010 t mod_work\t[snap]
";

    /// `name+offset`, `name+offset [module]` or `?`.
    fn shown(symbol: &Symbol) -> String {
        match symbol.place() {
            Some(CodeLocation { function, offset: Some(offset), module: None, .. }) => {
                format!("{}+{offset:#x}", function.full())
            }
            Some(CodeLocation { function, offset: Some(offset), module: Some(module), .. }) => {
                format!("{}+{offset:#x} [{module}]", function.full())
            }
            _ => "?".into(),
        }
    }

    #[track_caller]
    fn check(symbols: &Symbols, table: &[(u64, &str)]) {
        for (address, expected) in table {
            assert_eq!(shown(&symbols.resolve(*address)), *expected, "{address:#x}");
        }
    }

    #[test]
    fn addresses_become_the_function_the_kernel_would_print() {
        let (symbols, issues) = Symbols::from_system_map(MAP);
        assert_eq!(issues, []);
        check(
            &symbols,
            &[
                (0, "?"),
                (0xffff_8000_0800_0000, "_text+0x0"),
                (0xffff_8000_0801_0000, "local_first+0x0"),
                (0xffff_8000_0801_00ff, "local_first+0xff"),
                (0xffff_8000_0801_0104, "copy_process.part.5+0x4"),
                (0xffff_8000_0801_7fff, "copy_process.part.5+0x7eff"),
                (0xffff_8000_0801_ffff, "__switch_to+0x7fff"),
                (0xffff_8000_0802_0000, "?"),
                (0xffff_8000_0900_0044, "start_kernel+0x4"),
                (0xffff_8000_0900_0100, "?"),
                (0xffff_8000_0100_0014, "mod_work+0x4 [snap]"),
                (0xffff_8000_0120_0014, "?"),
                (u64::MAX, "?"),
            ],
        );
    }

    #[test]
    fn a_module_section_ends_where_it_ends() {
        let (mut symbols, _) = Symbols::from_system_map(MAP);
        symbols.add_module("late", 0x1000..0x1100, [(0x80, "b"), (0, "a"), (0, "$x"), (0x100, "outside")]);
        symbols.add_module("late", 0x3000..0x3010, [(0, "init_module")]);
        symbols.add_module("none", 0x4000..0x4010, []);
        check(
            &symbols,
            &[
                (0xfff, "?"),
                (0x1000, "a+0x0 [late]"),
                (0x10ff, "b+0x7f [late]"),
                (0x1100, "?"),
                (0x3004, "init_module+0x4 [late]"),
                (0x4000, "?"),
                (0xffff_8000_0900_0044, "start_kernel+0x4"),
            ],
        );
    }

    #[test]
    fn a_table_survives_being_written() {
        let (mut symbols, _) = Symbols::from_system_map(MAP);
        symbols.add_module("late", 0x1000..0x1100, [(0x80, "b"), (0, "a")]);
        let (again, issues) = Symbols::from_system_map(&symbols.to_kallsyms());
        assert_eq!(issues, []);
        for address in [0x1000, 0x10ff, 0x1100, 0xffff_8000_0801_00ff, 0xffff_8000_0802_0000, 0xffff_8000_0100_0014] {
            assert_eq!(again.resolve(address), symbols.resolve(address), "{address:#x}");
        }
    }

    #[test]
    fn lines_that_are_no_symbols_are_issues() {
        let (symbols, issues) = Symbols::from_system_map("zz T a\n\n10 TT b\n20 T\n30 t c\n");
        assert_eq!(
            issues.iter().map(|issue| issue.place.to_string()).collect::<Vec<_>>(),
            ["symbol table, line 1", "symbol table, line 3", "symbol table, line 4"]
        );
        check(&symbols, &[(0x30, "c+0x0")]);
        let (hidden, issues) = Symbols::from_system_map("0 T a\n0 T b\n");
        assert!(hidden.is_empty() && issues.len() == 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_and_no_address_can_break_it(text in "([0-9a-f]{1,17} [tTwWdA] [$._a-z]{1,4}( \\[m\\])?\n|.*\n)*", at: u64) {
            let (mut symbols, _) = Symbols::from_system_map(&text);
            symbols.add_module("m", at..at.wrapping_mul(3), [(at, "a"), (0, "b"), (5, "c")]);
            let _ = (symbols.resolve(at), symbols.resolve(!at), symbols.resolve(0), symbols.resolve(u64::MAX));
        }
    }
}
