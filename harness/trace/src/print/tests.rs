use std::fmt::Write as _;

use super::*;
use crate::{Context, Pid, Value};

/// An event with these fields and this print format, of a machine with this `long`.
struct Given<'a> {
    long: u32,
    /// Declarations with sizes and signs, and values: `int a;4;1`.
    fields: &'a [(&'a str, Value)],
    printk_formats: &'a str,
}

const MAP: &str = "ffffffc008001000 t wake\nffffffc008001100 T other.part.0\nffffffc008002000 T _etext\n";

impl Given<'_> {
    fn print(&self, print: &str) -> String {
        let mut offset = 8;
        let mut format = "name: e\nID: 300\nformat:\n\tfield:int common_pid;offset:4;size:4;signed:1;\n".to_owned();
        for (field, _) in self.fields {
            let [declaration, size, signed]: [&str; 3] =
                field.split(';').collect::<Vec<_>>().try_into().expect("a declaration, a size and a sign");
            let _ = writeln!(format, "\tfield:{declaration};offset:{offset};size:{size};signed:{signed};");
            offset += size.parse::<u32>().expect("a size");
        }
        let _ = writeln!(format, "\nprint fmt: {print}");
        let header = format!(
            "field: u64 timestamp;offset:0;size:8;\nfield: local_t commit;offset:8;size:{};\nfield: char data;offset:16;size:4080;\n",
            self.long
        );
        let (symbols, _) = Symbols::from_system_map(MAP);
        let recording = Recording {
            header_page: &header,
            formats: vec![&format],
            printk_formats: self.printk_formats,
            ..Recording::default()
        };
        let names = crate::field_names(&format);
        let values = self.fields.iter().map(|(_, value)| value.clone());
        let record = Point::from_fields("e", names.iter().map(String::as_str).zip(values));
        let context = Context { flags: 1, preempt_count: 2 };
        let event = Event { kind: EventKind::Tracepoint(record), pid: Pid(77), context, ..Event::default() };
        let mut out = "<".to_owned();
        let mut printer = Printer::new(&recording, &symbols);
        match printer.print(&event, &mut out) {
            Printed::Evaluated => out.split_off(1),
            Printed::Partly { because } => format!("{} ({because})", &out[1..]),
            Printed::Fields { because } => format!("{because} | {}", &out[1..]),
            Printed::Nothing => "nothing".to_owned(),
        }
    }
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Array(bytes.iter().map(|byte| Value::Unsigned((*byte).into())).collect())
}

#[track_caller]
fn check(fields: &[(&str, Value)], table: &[(&str, &str)]) {
    let given = Given { long: 8, fields, printk_formats: "0xffffffc000000010 : \"Start\"\n" };
    for (print, expected) in table {
        assert_eq!(given.print(print), *expected, "{print}");
    }
}

#[test]
fn numbers_are_computed_with_the_types_of_c() {
    let fields = [
        ("int a;4;1", Value::Signed(-3)),
        ("unsigned int b;4;0", Value::Unsigned(7)),
        ("u8 c;1;0", Value::Unsigned(200)),
        ("unsigned long d;8;0", Value::Unsigned(0xffff_ffc0_0800_1004)),
    ];
    check(
        &fields,
        &[
            (r#""a=%d b=%u", REC->a, REC->b"#, "a=-3 b=7"),
            (r#""%d" " and %s\n", REC->a + 1 * 2, "x""#, "-1 and x\n"),
            (r#""%d", REC->a < 0 ? 1 : 2"#, "1"),
            (r#""%d", (unsigned int)REC->a < 0 ? 1 : 2"#, "2"),
            (r#""%d", (s8)REC->c"#, "-56"),
            (
                r#""%u,%u", ((unsigned int) ((REC->d) >> 20)), ((unsigned int) ((REC->d) & ((1U << 20) - 1)))"#,
                "4294705280,4100",
            ),
            (r#""%llu", (unsigned long long)REC->a"#, "18446744073709551613"),
            (r#""%d", ~REC->b & 0xf"#, "8"),
            (r#""%d%d%d", !REC->b, REC->b && REC->c == 200, REC->a > 0 || REC->b != 7"#, "010"),
            (r#""%d", REC->b ?: 9"#, "7"),
            (r#""%d", (REC->b) - 1"#, "6"),
            (r#""%lu", sizeof(u64) + sizeof(void *) + sizeof(REC->c)"#, "17"),
            (r#""%d", (__builtin_constant_p(REC->b) ? 1 : __fswab32(REC->b)) == 0x07000000"#, "1"),
            (r#""%c%c", REC->b + 'A', 48"#, "H0"),
            (r#""%s", REC->b == 7 ? "seven" : "other""#, "seven"),
            (r#""%lx %hhd", REC->d, REC->c"#, "ffffffc008001004 -56"),
            (r#""%5d|%-5u|%05d|%*d", REC->a, REC->b, REC->a, 6, REC->a"#, "   -3|7    |-0003|    -3"),
            (r#""%llu.%09u", __print_ns_to_secs(REC->d), __print_ns_without_secs(REC->d)"#, "18446743798.965866500"),
            (r#""%llu", (unsigned long long)(((ktime_t) { .tv64 = REC->b }).tv64)"#, "7"),
            (r#""%d %d", (typeof(REC->a))REC->b, (enum e)REC->b"#, "7 7"),
            (r#""%d %x %x", REC->common_pid, REC->common_flags, REC->common_preempt_count"#, "77 1 2"),
        ],
    );
    let words = Given { long: 4, fields: &[("unsigned long d;4;0", Value::Unsigned(0xffff_ffff))], printk_formats: "" };
    assert_eq!(words.print(r#""%ld %lu %lx", REC->d, REC->d + 1UL, ~0UL"#), "-1 0 ffffffff");
}

#[test]
fn flags_and_symbols_have_names() {
    let fields = [("unsigned long f;8;0", Value::Unsigned(0x25)), ("int n;4;1", Value::Signed(-1))];
    check(
        &fields,
        &[
            (r#""%s", __print_flags(REC->f, "|", {1, "A"}, { 4, "C" }, {0x20UL, "F"})"#, "A|C|F"),
            (r#""%s", __print_flags(REC->f, "", {1, "A"}, {4, "C"})"#, "AC0x20"),
            (r#""%s", __print_flags(REC->f, "|", {5, "AC"}, {1, "A"}, {2, "B"})"#, "AC|0x20"),
            (r#""%s!", __print_flags(REC->f & 2, "|", {1, "A"}, {2, "B"})"#, "!"),
            (r#""%s", (REC->f & 2) ? __print_flags(REC->f, "|", {2, "B"}) : "none""#, "none"),
            (r#""%s", __print_symbolic(REC->f, { 0x25, "both" }, { 1, "one" })"#, "both"),
            (r#""%s", __print_symbolic(REC->f, { ((1) | 4) << 0, "five" })"#, "0x25"),
            (r#""%s", __print_symbolic(REC->n, { -1, "failed" })"#, "failed"),
            (r#""%-8s|", __print_symbolic(REC->f, { 0x25, "both" })"#, "both    |"),
            (r#""%s", __print_symbolic(REC->f, { HI_SOFTIRQ, "HI" }, { 0x25, "x" })"#, "x"),
            (r#""%s", __print_symbolic(REC->f, { NEW_CONSTANT, "NEW" })"#, "0x25 (a constant in a list of names)"),
            (
                r#""%s %u", __print_flags(REC->f, "|", {NEW, "N"}, {5, "A"}), REC->n & 1"#,
                "A|0x20 1 (a constant in a list of names)",
            ),
            (r#""%s", __print_symbolic(REC->f, { HRTIMER_MODE_ABS, "ABS" }, { IOPRIO_CLASS_BE, "be" })"#, "0x25"),
            (r#""%s", __print_flags(REC->f, "|", {NEW, "N"}, {5, "A"}, {0x20, "B"})"#, "A|B"),
            (r#""%s", __print_symbolic_u64(REC->f, {0x25ULL, "u64"})"#, "u64"),
            // The kernel ends such lists with a name that is not there.
            (r#""%s", __print_symbolic(REC->f, {1, "A"}, {-1, 0})"#, "0x25"),
            (r#""%s", __print_symbolic(REC->n, {1, "A"}, {-1, ((void *)0)})"#, "0xffffffffffffffff"),
        ],
    );
}

#[test]
fn arrays_strings_and_addresses_are_followed() {
    let fields = [
        ("__data_loc char[] name;4;1", Value::Text("eth0".into())),
        ("char comm[16];16;1", Value::Text("init".into())),
        ("u8 mac[6];6;0", bytes(&[0, 1, 2, 0xab, 0xcd, 0xef])),
        ("__u8 ip[4];4;0", bytes(&[10, 0, 2, 15])),
        ("__data_loc u32[] list;4;0", Value::Array([Value::Unsigned(1), Value::Unsigned(0xff)].into())),
        ("void * place;8;0", Value::Unsigned(0xffff_ffc0_0800_1104)),
        ("const char * s;8;0", Value::Unsigned(0xffff_ffc0_0000_0010)),
        ("__data_loc unsigned long[] mask;4;0", Value::Array([Value::Unsigned(0x8f)].into())),
        ("__data_loc __u8[] socket;4;0", bytes(&[2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("unsigned long __probe_ip;8;0", Value::Text("do_exit+0x4".into())),
    ];
    check(
        &fields,
        &[
            (r#""%s %.2s %8s", __get_str(name), REC->comm, __get_rel_str(name)"#, "eth0 in     eth0"),
            (r#""%s", ((char *)__get_str(name))[0] ? " " : """#, " "),
            (r#""%c%d", __get_str(name)[3], REC->mac[3]"#, "0171"),
            (r#""%pM %pm", REC->mac, (REC->mac)"#, "00:01:02:ab:cd:ef 000102abcdef"),
            (r#""%pI4", &REC->ip"#, "10.0.2.15"),
            (r#""%u", *(u32 *)REC->ip"#, "251789322"),
            (r#""%pISpc", __get_sockaddr(socket)"#, "127.0.0.1:80"),
            (r#""%s", __print_hex(REC->mac, 3)"#, "00 01 02"),
            (r#""%s", __print_hex_str(__get_dynamic_array(list), 4)"#, "01000000"),
            (r#""%*phC", 2, REC->mac"#, "00:01"),
            (r#""%s", __print_array(__get_dynamic_array(list), __get_dynamic_array_len(list) / 4, 4)"#, "{0x1,0xff}"),
            (r#""%s", __print_dynamic_array(list, 4)"#, "{0x1,0xff}"),
            (r#""%u", ((u16 *)__get_dynamic_array(list))[2]"#, "255"),
            (r#""%u", __get_dynamic_array_len(name)"#, "5"),
            (r#""%s %s", __get_bitmask(mask), __get_cpumask(mask)"#, "00000000,0000008f 0-3,7"),
            (
                r#""%ps %pS %pf", REC->place, (void *)REC->place, REC->place"#,
                "other.part.0 other.part.0+0x4 other.part.0",
            ),
            (r#""%p %px %ps", REC->place, 0, 0x10"#, "0xffffffc008001104 (nil) 0x10"),
            (r#""%s %s", REC->s, 0x99"#, "Start 99"),
            (r#""(%lx) %ps", REC->__probe_ip, (void *)REC->__probe_ip"#, "(do_exit+0x4) do_exit+0x4"),
        ],
    );
}

#[test]
fn parts_that_only_the_kernel_knows_are_told() {
    let fields = [("int a;4;1", Value::Signed(1)), ("char c[4];4;0", Value::Text("x".into()))];
    check(
        &fields,
        &[
            (r#""%d %d", REC->a, sizeof(struct page)"#, "the size of a type | a=1 c=x"),
            (r#""%s", show_name(REC->a, "x")"#, "the function `show_name` | a=1 c=x"),
            (r#""%d", UNKNOWN"#, "the value of `UNKNOWN` | a=1 c=x"),
            (r#""%d", REC->a ? 5 : UNKNOWN"#, "5"),
            (r#""%d %s %p", REC->a, REC->c, ((struct page *)base) + REC->a"#, "1 x ? (the value of `base`)"),
            (r#""%d %p", REC->a, ((struct page *)base) + REC->a"#, "the value of `base` | a=1 c=x"),
            (r#""%d", REC->b"#, "the field `b`, which the format does not describe | a=1 c=x"),
            (r#""%d", REC->a.b"#, "the place of the member `b` | a=1 c=x"),
            (r#""%d", ({ int x = 1; x; })"#, "the value of a block of statements | a=1 c=x"),
            (r#""%d", REC->a / 0"#, "a division by zero | a=1 c=x"),
            (r#""%d", REC->c"#, "a text where a number is expected | a=1 c=x"),
            (r#""%d", REC->c[9]"#, "an element behind the end of an array | a=1 c=x"),
            (r#""%pd", REC->a"#, "the name of a file (`%pd`) | a=1 c=x"),
            (r#""%d""#, "the print format has more conversions than arguments | a=1 c=x"),
            (r#""%d", REC->a REC->a"#, "`REC` in the print format is not expected there | a=1 c=x"),
            (r#""%d", (REC->a"#, "the print format ends within an expression | a=1 c=x"),
            ("REC->a", "the print format does not begin with a string | a=1 c=x"),
        ],
    );
    let deep = format!("\"%d\", {}1{}", "(".repeat(9000), ")".repeat(9000));
    let chain = format!("\"%d\", 1{}", " + 1".repeat(9000));
    for print in [deep, chain] {
        check(&fields, &[(&print, "the print format is nested too deep | a=1 c=x")]);
    }
}

#[test]
fn an_event_is_known_by_its_fields_and_others_have_no_text() {
    let formats = [
        "name: e\nID: 1\nformat:\n\tfield:int common_pid;offset:4;size:4;signed:1;\n\tfield:int a;offset:8;size:4;signed:1;\nprint fmt: \"first %d\", REC->a",
        "name: e\nID: 2\nformat:\n\tfield:int common_pid;offset:4;size:4;signed:1;\n\tfield:int b;offset:8;size:4;signed:1;\nprint fmt: \"second %d\", REC->b",
    ];
    let recording = Recording { formats: formats.to_vec(), ..Recording::default() };
    let symbols = Symbols::default();
    let mut printer = Printer::new(&recording, &symbols);
    let mut shown = |kind: EventKind| {
        let mut out = String::new();
        let told = format!("{:?}", printer.print(&Event { kind, ..Event::default() }, &mut out));
        (out, told)
    };
    let point = |name: &str, field: &str| EventKind::Tracepoint(Point::from_fields(name, [(field, Value::Signed(5))]));
    for _ in 0..2 {
        assert_eq!(shown(point("e", "a")).0, "first 5");
        assert_eq!(shown(point("e", "b")).0, "second 5");
        assert_eq!(shown(point("e", "c")), ("c=5".into(), "Fields { because: \"the format of the event\" }".into()));
        assert_eq!(shown(EventKind::Marker { text: "x".into() }), (String::new(), "Nothing".into()));
    }
}

proptest::proptest! {
    #[test]
    fn no_print_format_can_break_it(
        print in "\"(%[a-z0-9*.#]{0,4} ?){0,4}\"(, (REC->[abc]|[(]{0,2}(u8|int [*]|struct x)[)]{0,2}|__print_(flags|symbolic|array|hex)[(]|__get_str[(]a[)]|[-+*/%&|<>?:!~,(){}\\[\\]]|[0-9]{1,3}|\"s\"| ){0,12}){0,3}",
        value: u64,
    ) {
        let fields = [
            ("int a;4;1", Value::Signed(value.cast_signed())),
            ("char b[4];4;0", Value::Text("x".into())),
            ("u16 c[2];4;0", Value::Array([Value::Unsigned(value), Value::Unsigned(1)].into())),
        ];
        let given = Given { long: 4, fields: &fields, printk_formats: "" };
        given.print(&print);
    }
}
