//! Texts of recordings that this project did not make: each test is a kind of line, in the forms that kernels print.

use super::tests::report;

/// Reads `text` and compares everything that is known about it then, one line each, without the indentation of `expected`.
#[track_caller]
pub(super) fn check(text: &str, expected: &str) {
    let expected: Vec<_> = expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    assert_eq!(report(text).lines().collect::<Vec<_>>(), expected, "{text}");
}

/// The issues that a graph without times and tasks has in any case.
const BARE: &str = "? line 1: no times from here on, only durations: `funcgraph-abstime` was off
    ? line 1: no tasks from here on: `funcgraph-proc` was off";

#[test]
fn a_call_of_a_second_or_more_returns() {
    check(
        " 2)               |  do_nanosleep() {
 2) $ 3594274 us  |    schedule();
 2) $ 3594280 us  |  } /* do_nanosleep */
",
        &format!(
            "0@2 -1: 0 do_nanosleep {{
            0@2 -1: 1 schedule {{
            3594274000@2 -1: 1 }} schedule 0..3594274000
            3594280000@2 -1: 0 }} do_nanosleep 0..3594280000
            {BARE}"
        ),
    );
    check(
        "    1.000000 |   0)    sleep-5     |               |  a() {
    3.500000 |   0)    sleep-5     | $ 2500000 us  |  }
    3.500001 |   0)    sleep-5     |   1000000 us  |  b();
",
        "1000000000@0 5: 0 a {
        3500000000@0 5: 0 } a 1000000000..3500000000
        3500001000@0 5: 0 b {
        4500001000@0 5: 0 } b 3500001000..4500001000
        = 5 sleep",
    );
}

#[test]
fn a_return_of_a_call_before_the_buffer_has_its_own_duration() {
    check(
        " 3)   0.313 us    |          foo();
 3) * 33998.59 us |  } /* schedule_preempt_disabled */
 3) $ 1234567 us  |  }
",
        &format!(
            "0@3 -1: 4 foo {{
            313@3 -1: 4 }} foo 0..313
            33998590@3 -1: 0 }} schedule_preempt_disabled 0..33998590
            1234567000@3 -1: 0 }} ? 0..1234567000
            {BARE}"
        ),
    );
    // The times of a latency tracer begin with the first event.
    check(
        "        5 us |   0)   bash-946   |  d..1. | # 1500.000 us |  } /* a */\n",
        "5000@0 946: 0 } a 0..1500000
        = 946 bash",
    );
    // The call that is open is another one.
    check(
        "    1.000000 |   0)    sleep-5     |               |  a() {
    2.000000 |   0)    sleep-5     |   0.250 us    |  } /* b */
    2.000002 |   0)    sleep-5     |               |  c() {
    2.000003 |   0)    sleep-5     |               |  } /* d */
",
        "1000000000@0 5: 0 a {
        2000000000@0 5: 0 } b 1999999750..2000000000
        2000002000@0 5: 0 c {
        2000003000@0 5: 0 } d 2000003000..2000003000
        = 5 sleep",
    );
}

#[test]
fn the_columns_of_preempt_rt_are_read() {
    check(
        "            bash-1       [003] d..h2..     1.000000: x: y=1
           bash-1         3dn.h5.. 2000000us : a <-b
    trace-c-4       [000] .NL.1.1  3.000000: sched_waking: comm=a pid=5 prio=9 target_cpu=000
",
        "1000000000@3 1: x y=Signed(1)
        2000000000@3 1: a <-b
        3000000000@0 4: sched_waking comm=Text(\"a\") pid=Signed(5) prio=Signed(9) target_cpu=Signed(0)
        = 1 bash
        = 4 trace-c",
    );
}

#[test]
fn the_latency_format_of_trace_cmd_is_read() {
    check(
        "    bash-1181      0d.h2. 1464.179964: irq_handler_entry:    irq=16 name=a
  <idle>-0         1dNs3  1464.179965: softirq_raise: vec=1 [action=TIMER]
    bash-1181      0....! 1464.179966: x: y=1
",
        "1464179964000@0 1181: irq_handler_entry irq=Signed(16) name=Text(\"a\")
        1464179965000@1 0: softirq_raise vec=Unsigned(1)
        ? line 3: not understood: `    bash-1181      0....! 1464.179966: x: y=1`
        = 1181 bash",
    );
}

#[test]
fn the_switches_of_the_wakeup_tracers_are_read_whatever_the_padding() {
    check(
        "  <idle>-0       3d.h4    0us :      0:120:R   + [003]  2389: 94:R sleep
  <idle>-0       3d..3    5us :      0:120:R ==> [003]  2389: 94:R sleep
   sleep-2389    3d..3    6us :   2389: -1:S ==> [003]     0:  9:R <idle>
   sleep-2389    3d..3    7us :   2389:120:K ==> [003]     0:120:R my prog
   sleep-2389    3d..3    8us :   2389:120:
",
        "0@3 0: sched_wakeup pid=Signed(2389) prio=Signed(94) target_cpu=Signed(3) comm=Text(\"sleep\")
        5000@3 0: sched_switch prev_pid=Signed(0) prev_prio=Signed(120) prev_state=Signed(0) next_pid=Signed(2389) next_prio=Signed(94) next_comm=Text(\"sleep\")
        6000@3 2389: sched_switch prev_pid=Signed(2389) prev_prio=Signed(-1) prev_state=Signed(1) next_pid=Signed(0) next_prio=Signed(9) next_comm=Text(\"<idle>\")
        7000@3 2389: sched_switch prev_pid=Signed(2389) prev_prio=Signed(120) prev_state=Text(\"K\") next_pid=Signed(0) next_prio=Signed(120) next_comm=Text(\"my prog\")
        ? line 5: no event behind the time: `2389:120:`
        = 2389 sleep",
    );
}

#[test]
fn a_stack_does_not_go_to_the_event_before_one_that_was_not_understood() {
    check(
        "      dd-805       0d....    3us : _raw_spin_trylock <-__rmqueue_pcplist
      dd-805       0d....  279us : !broken
      dd-805       0d....  280us : <stack trace>
 => trace_hardirqs_on
      dd-805       0d....  281us : a <-b
      dd-805       1d....  282us : !broken on another CPU
      dd-805       0d....  283us : <stack trace>
 => of_a
      dd-805       0d....  284us : c <-d
      dd-805       0d[003] 285us : what
      dd-805       0d....  286us : <stack trace>
 => of_nothing
",
        "3000@0 805: _raw_spin_trylock <-__rmqueue_pcplist
        281000@0 805: a <-b ^of_a
        284000@0 805: c <-d
        ? line 2: no event behind the time: `!broken`
        ? line 3: a stack without an event before it
        ? line 4: a frame of no stack
        ? line 6: no event behind the time: `!broken on another CPU`
        ? line 10: not understood: `      dd-805       0d[003] 285us : what`
        ? line 11: a stack without an event before it
        ? line 12: a frame of no stack
        = 805 dd",
    );
}

#[test]
fn a_function_without_its_caller_is_a_call() {
    check(
        "            bash-946     [003] ....     1.000000: do_exit
            bash-946     [003] ....     1.000001: do_exit+0x4/0x140c
            bash-946     [003] ....     1.000002: work [mod]
            bash-946     [003] ....     1.000003: work+0x4/0x8 [mod] <bf000004>
            bash-946     [003] ....     1.000004: not a function
",
        "1000000000@3 946: do_exit <-?
        1000001000@3 946: do_exit+4 <-?
        1000002000@3 946: work <-?
        1000003000@3 946: work+4 <-?
        ? line 5: no event behind the time: `not a function`
        = 946 bash",
    );
}

#[test]
fn a_trace_printk_with_an_address_or_a_module_is_a_text() {
    check(
        "            bash-946     [001] ....     1.000000: do_exit+0x850/0xc18 <80122144>: text a=1
            bash-946     [001] ....     1.000001: work+0x4/0x8 [mod]: text <-x
            bash-946     [001] ....     1.000002: work [mod] <bf000004>: text
            bash-946     [001] ....     1.000003: do_exit <80122144>: text
            bash-946     [001] ....     1.000004: 0xbf000004: text
            bash-946     [001] ....     1.000005: do_exit <80122144> <-sys_exit <80122155>
",
        "1000000000@1 946: \"text a=1\"
        1000001000@1 946: \"text <-x\"
        1000002000@1 946: \"text\"
        1000003000@1 946: \"text\"
        1000004000@1 946: \"text\"
        1000005000@1 946: do_exit <-sys_exit
        = 946 bash",
    );
}

#[test]
fn bpf_trace_printk_of_every_kernel_is_one_event_with_its_whole_text() {
    for place in ["", "0x00000001", "0x1", "0", " <0000000000000001>", "bpf_trace_printk"] {
        check(
            &format!("            bash-1       [001] d...     1.000000: {place}: Hello a=1, b = 2\n"),
            "1000000000@1 1: bpf_trace_printk bpf_string=Text(\"Hello a=1, b = 2\")
            = 1 bash",
        );
    }
}

#[test]
fn the_tracers_that_take_samples_are_read() {
    check(
        "               a-8795    [001] d....   613.700000: #1     inner/outer(us):   41/41    ts:1.200000000 count:9
               a-8795    [001] d....   613.700001: #2     inner/outer(us):   41/7     ts:1.200000000 nmi-total:5 nmi-count:2
               a-8795    [001] d....   613.700002: #3     inner/outer(us):   41
         osnoise-961     [000] ....   653.000000: 1000000        190  99.98100       9     18      0   1007     18      1
          <idle>-0       [000] ....   654.029328: #1     context    irq timer_latency       932 ns
          <...>-867      [000] ....   654.029339: #1     context thread timer_latency     11700 ns
         osnoise-961     [000] ....   655.000000: 1000000        190  99.98100       9     18
",
        "613700000000@1 8795: hwlat seqnum=Signed(1) duration=Signed(41) outer_duration=Signed(41) timestamp.tv_sec=Signed(1) timestamp.tv_nsec=Signed(200000000) count=Signed(9)
        613700001000@1 8795: hwlat seqnum=Signed(2) duration=Signed(41) outer_duration=Signed(7) timestamp.tv_sec=Signed(1) timestamp.tv_nsec=Signed(200000000) nmi_total_ts=Signed(5) nmi_count=Signed(2)
        653000000000@0 961: osnoise runtime=Signed(1000000) noise=Signed(190) max_sample=Signed(9) hw_count=Signed(18) nmi_count=Signed(0) irq_count=Signed(1007) softirq_count=Signed(18) thread_count=Signed(1)
        654029328000@0 0: timerlat seqnum=Signed(1) context=Signed(0) timer_latency=Signed(932)
        654029339000@0 867: timerlat seqnum=Signed(1) context=Signed(1) timer_latency=Signed(11700)
        ? line 3: no event behind the time: `#3     inner/outer(us):   41`
        ? line 7: no event behind the time: `1000000        190  99.98100       9     18`
        = 961 osnoise
        = 8795 a",
    );
}

#[test]
fn hexadecimal_stays_hexadecimal_and_a_field_has_one_type() {
    check(
        "  bash-946 [003] .... 1.000001: p: (f+0x0/0x2) arg1=0xffff888003a1c000 arg2={0x1,0x2}
  bash-946 [001] .... 1.000002: netif_receive_skb: dev=eth0 skbaddr=0000000012345678 len=60
  bash-946 [001] .... 1.000003: thermal_power_cpu_limit: cpus=00000010 freq=5 cdev_state=4 power=0
  bash-946 [001] .... 1.000004: netif_receive_skb: dev=12 skbaddr=00000000ab345678 len=60
  bash-946 [001] .... 1.000005: netif_receive_skb: dev=eth0 skbaddr=1234567812345678 len=12345678
  bash-946 [001] .... 1.000006: odd: obj=ffff888003a1c000 comm=12
  bash-946 [001] .... 1.000007: odd: obj=1234567812345678 comm=deadbeef
",
        "1000001000@3 946: p __probe_ip=Text(\"f+0x0/0x2\") arg1=Hex(0xffff888003a1c000) arg2=Array(Hex(0x1), Hex(0x2))
        1000002000@1 946: netif_receive_skb dev=Text(\"eth0\") skbaddr=Hex(0000000012345678) len=Signed(60)
        1000003000@1 946: thermal_power_cpu_limit cpus=Hex(00000010) freq=Signed(5) cdev_state=Signed(4) power=Signed(0)
        1000004000@1 946: netif_receive_skb dev=Text(\"12\") skbaddr=Hex(00000000ab345678) len=Signed(60)
        1000005000@1 946: netif_receive_skb dev=Text(\"eth0\") skbaddr=Hex(1234567812345678) len=Signed(12345678)
        1000006000@1 946: odd obj=Hex(ffff888003a1c000) comm=Text(\"12\")
        1000007000@1 946: odd obj=Hex(1234567812345678) comm=Text(\"deadbeef\")
        = 946 bash",
    );
}

#[test]
fn a_stack_in_user_space_is_apart_from_the_kernels() {
    check(
        "   a-9707  [005] .... 91787.004183: sched_process_exec: filename=/bin/a pid=9707 old_pid=9707
   a-9707  [005] .... 91787.004244: <stack trace>
 => do_syscall_64
   a-9707  [005] .... 91787.004245: <user stack trace>
 => /lib/ld-2.30.so[+0x100]
 =>  <00007ffe00001000>
   a-9707  [005] .... 91787.004246: x: y=1
   a-9707  [005] .... 91787.004247: <user stack trace>
 => /bin/a[+0x8]
   a-9707  [005] .... 91787.004248: <stack trace>
 => too_late
   a-9707  [005] .... 91787.004249: z: y=1
    b-12   [005] .... 91787.004250: <user stack trace>
 => /bin/b[+0x8]
",
        "91787004183000@5 9707: sched_process_exec filename=Text(\"/bin/a\") pid=Signed(9707) old_pid=Signed(9707) ^do_syscall_64 ~/lib/ld-2.30.so[+0x100] ~0x7ffe00001000
        91787004246000@5 9707: x y=Signed(1) ~/bin/a[+0x8]
        91787004249000@5 9707: z y=Signed(1)
        ? line 10: a stack without an event before it
        ? line 11: a frame of no stack
        ? line 13: a stack without an event before it
        ? line 14: a frame of no stack
        = 12 b
        = 9707 a",
    );
}

#[test]
fn arguments_and_returns_of_the_graph_are_kept() {
    check(
        " 3)   0.075 us    |  f(m=0x8, n=-5); /* <-g+0x5/0x7 ret=0x1 */
 3)               |  h(s=(pair)[0x1:0x2], ...) { /* <-g+0x5/0x7 */
 3)   0.100 us    |    i(); /* = -22 */
 3)   0.200 us    |    j(?0x1); /* ret=true */
 3)   9.000 us    |  } /* h ret=0x5(trunc) */
 3)   0.100 us    |  k() { /* broken
 3)   9.000 us    |  } /* l = -12 */
",
        &format!(
            "0@3 -1: 0 f {{ (m=Hex(0x8)) (n=Signed(-5)) to=g+5
            75@3 -1: 0 }} f 0..75 ret=Hex(0x1)
            75@3 -1: 0 h {{ (s=Text(\"(pair)[0x1:0x2]\")) (=Text(\"...\")) to=g+5
            75@3 -1: 1 i {{
            175@3 -1: 1 }} i 75..175 ret=Signed(-22)
            175@3 -1: 1 j {{ (=Text(\"?0x1\"))
            375@3 -1: 1 }} j 175..375 ret=Text(\"true\")
            9075@3 -1: 0 }} h 75..9075 ret=Text(\"0x5(trunc)\")
            9075@3 -1: 0 k {{
            9075@3 -1: 0 }} l 75..9075 ret=Signed(-12)
            {BARE}"
        ),
    );
}

#[test]
fn arguments_and_repeats_of_the_function_tracer_are_kept() {
    check(
        "            bash-946     [003] ....     1.000001: do_exit(code=0x9, n=1) <-sys_exit
            bash-946     [003] ....     1.000002: do_exit(code=0x9)
            bash-946     [003] ....     1.000003: a+0x1/0x2 <-b+0x4/0x8 (repeats: 5, last_ts:     1.000009)
            bash-946     [003] ....     1.000010: function:             a <-- b (ffff800008000004)
            bash-946     [003] ....     1.000011: do_exit <-sys_exit
",
        "1000001000@3 946: do_exit <-sys_exit (code=Hex(0x9)) (n=Signed(1))
        1000002000@3 946: do_exit <-? (code=Hex(0x9))
        1000003000@3 946: a+1 <-b+4 x5..1000009000
        1000010000@3 946: a <-b
        1000011000@3 946: do_exit <-sys_exit
        = 946 bash",
    );
}

#[test]
fn differences_of_times_are_left_out() {
    check(
        "    bash-1181  [000]  1464.100000:          x: y=1
    bash-1181  [000]  1464.100033: (+33)    x: y=2
    bash-1181  [000]  1464.100030: (+-3)    a <-- b
    bash-1181  [000]  1464.100034: (+x) y
",
        "1464100000000@0 1181: x y=Signed(1)
        1464100030000@0 1181: a <-b
        1464100033000@0 1181: x y=Signed(2)
        ? line 4: no event behind the time: `(+x) y`
        ! CPU 0: the trace clock went backwards at 1464100030000 ns
        = 1181 bash",
    );
}

#[test]
fn a_graph_without_durations_has_the_same_depths() {
    check(
        "    1.000001 |   1)    a-7     | f() {
    1.000002 |   1)    a-7     |   g();
    1.000003 |   1)    a-7     | }
 (Overruns: 0)
",
        "1000001000@1 7: 0 f {
        1000002000@1 7: 1 g {
        1000002000@1 7: 1 } g 1000002000..1000002000
        1000003000@1 7: 0 } f 1000001000..1000003000
        ? line 2: no durations from here on, and calls on one line have 0: `funcgraph-duration` was off
        = 7 a",
    );
}

#[test]
fn a_stack_in_a_graph_names_the_task() {
    check(
        " 1)               |  /* x: y=1 */
            a-7       [001] d.h1.     0.269592: <stack trace>
 => f
 1)   1.000 us    |  g();
",
        "0@1 7: x y=Signed(1) ^f
        0@1 7: 0 g {
        1000@1 7: 0 } g 0..1000
        ? line 1: no times from here on, only durations: `funcgraph-abstime` was off
        ? line 1: no tasks from here on: `funcgraph-proc` was off
        = 7 a",
    );
}

#[test]
fn a_clock_that_stands_still_beside_durations_does_not_go_backwards() {
    check(
        "    0.000000 |   1)    a-7     |   1.312 us    |  f();
    0.000000 |   1)    a-7     |   1.328 us    |  g();
",
        "0@1 7: 0 f {
        0@1 7: 0 g {
        1000@1 7: 0 } f 0..1312
        1000@1 7: 0 } g 0..1328
        = 7 a",
    );
}

#[test]
fn lines_of_the_block_tracer_are_events() {
    check(
        "              dd-805     [001] d..2.     3.000012:   8,0    Q  WS 223490 + 8 [dd]
              dd-805     [001] d..2.     3.000013:   8,0    A  WS 223490 + 8 <- (8,1) 221442
          <idle>-0       [001] d.h2.     3.000014:   8,0    C  WS 223490 + 8 [0]
",
        "3000012000@1 805: blktrace dev=Text(\"8,0\") action=Text(\"Q\") rwbs=Text(\"WS\") sector=Signed(223490) nr_sector=Signed(8) comm=Text(\"dd\")
        3000013000@1 805: blktrace dev=Text(\"8,0\") action=Text(\"A\") rwbs=Text(\"WS\") sector=Signed(223490) nr_sector=Signed(8) old_dev=Text(\"8,1\") old_sector=Signed(221442)
        3000014000@1 0: blktrace dev=Text(\"8,0\") action=Text(\"C\") rwbs=Text(\"WS\") sector=Signed(223490) nr_sector=Signed(8) error=Signed(0)
        = 805 dd",
    );
    check(
        "# tracer: blk
#
# DEV   CPU TIMESTAMP     PID ACT FLG
#  |     |     |           |   |   |
  8,0    1     3.000012345   805  P   N [dd]
",
        "3000012345@1 805: blktrace dev=Text(\"8,0\") action=Text(\"P\") rwbs=Text(\"N\") comm=Text(\"dd\")
        = 805 dd",
    );
}

#[test]
fn bytes_that_a_program_wrote_are_an_event() {
    check(
        "            bash-946     [003] ...1.     1.000000: # 1f buf: 01 02
",
        "1000000000@3 946: raw_data id=Signed(31) buf=Text(\"01 02\")
        = 946 bash",
    );
}

#[test]
fn numbers_of_the_option_fields_are_one_value() {
    check(
        "            bash-946     [003] d..2.     1.000000: sched_switch: prev_comm=bash prev_pid=0x3b2 (946) prev_prio=0x78 (120) prev_state=0x1 (1) next_comm=rm next_pid=0x21ba (8634) next_prio=0x78 (120)
            bash-946     [003] .....     1.000001: kmem_other: ptr=0xffff888104eb8918 (-131387262007016) node=0xffffffff (-1) size=0x8 (9)
",
        "1000000000@3 946: sched_switch prev_comm=Text(\"bash\") prev_pid=Signed(946) prev_prio=Signed(120) prev_state=Signed(1) next_comm=Text(\"rm\") next_pid=Signed(8634) next_prio=Signed(120)
        1000001000@3 946: kmem_other ptr=Hex(0xffff888104eb8918) node=Hex(0xffffffff) size=Text(\"0x8 (9)\")
        = 946 bash",
    );
}

#[test]
fn the_string_behind_an_argument_of_a_call_is_whole() {
    check(
        r#"  bash-946     [001] ....1   100.000004: sys_openat(dfd: ffffff9c, filename: 0x55 "/etc/a b, c", flags: O_RDONLY|0x8, mode: 0)
"#,
        r#"100000004000@1 946: sys_enter_openat dfd=Hex(ffffff9c) filename=Text("0x55 \"/etc/a b, c\"") flags=Text("O_RDONLY|0x8") mode=Hex(0)
        = 946 bash"#,
    );
}

#[test]
fn fields_in_parentheses_are_no_place_of_a_probe() {
    check(
        "  bash-946     [001] ....1   100.000015: kmem_cache_free: (call_site=ffff8 ptr=a name=x)
",
        r#"100000015000@1 946: kmem_cache_free text=Text("(call_site=ffff8") ptr=Hex(a) name=Text("x)")
        = 946 bash"#,
    );
}
