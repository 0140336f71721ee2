use super::*;

fn look(schedule: &str, view: &str) -> Measurement {
    Measurement { schedule: schedule.into(), side: TaskLines::read(view), ..Measurement::default() }
}

fn costing(look: Measurement, instructions: u64) -> Measurement {
    let figure = Figure { name: "fork".into(), instructions, ns: 2 * instructions, idle_ns: Some(0) };
    Measurement { figures: vec![figure], ..look }
}

fn breaking(look: Measurement, that: &str) -> Measurement {
    Measurement { broken: vec![(that.into(), "it never happened".into())], ..look }
}

const USUAL: &str = "parent  fork()\nchild   run()\nparent  wait()\n";
const LATE: &str = "parent  fork()\nparent  wait()\nchild   sleep()\nchild   run()\n";

#[track_caller]
fn check(base: &[Measurement], head: &[Measurement], expected: Class) -> Finding {
    let finding = classify("user-fork", base, head, &[">5%".parse().expect("a threshold")]).expect("both have runs");
    assert_eq!(finding.class, expected, "{finding:#?}");
    finding
}

#[test]
fn the_same_lines_at_the_same_cost_are_the_same() {
    check(&[costing(look("1:4", USUAL), 100)], &[costing(look("1:4", USUAL), 100)], Class::Same);
}

#[test]
fn another_interleaving_of_the_same_tasks_is_the_same() {
    let other = "parent  fork()\nparent  wait()\nchild   run()\n";
    check(&[look("1:4", USUAL)], &[look("1:4", other)], Class::Same);
}

#[test]
fn what_the_base_does_in_another_schedule_is_not_the_changes_doing() {
    check(&[look("1:4", USUAL), look("0:4", LATE)], &[look("1:4", LATE)], Class::ScheduleOnly);
    check(&[look("1:4", USUAL), look("0:4", USUAL)], &[look("1:4", LATE)], Class::BehaviourChanged);
}

#[test]
fn a_change_is_told_from_the_nearest_run_of_the_base() {
    let more = "parent  fork()\nparent  wait()\nchild   sleep()\nchild   twice()\nchild   run()\n";
    let base = [look("1:4", USUAL), look("0:4", LATE)];
    let finding = check(&base, &[look("1:4", more)], Class::BehaviourChanged);
    assert_eq!(
        finding.difference.map(|diff| diff.show(&crate::view::Style::PLAIN)),
        Some("child  1 added\n+ 2    twice()\n".into())
    );
}

#[test]
fn cost_alone_is_no_behaviour_and_may_be_too_much() {
    let base = [costing(look("1:4", USUAL), 1000)];
    let finding = check(&base, &[costing(look("1:4", USUAL), 1040)], Class::CostChanged);
    assert_eq!((finding.cost.len(), finding.too_much.len()), (1, 0));
    let finding = check(&base, &[costing(look("1:4", USUAL), 1060)], Class::CostChanged);
    assert_eq!(finding.too_much[0].percent(), "+6.00 %");
}

#[test]
fn a_claim_that_breaks_weighs_most_unless_the_base_breaks_it_too() {
    let base = [look("1:4", USUAL), look("0:4", USUAL)];
    let finding = check(&base, &[breaking(look("1:4", LATE), "the child runs first")], Class::ExpectationBroken);
    assert_eq!(finding.broken[0].0, "the child runs first");
    let racy = [look("1:4", USUAL), breaking(look("0:4", LATE), "the child runs first")];
    check(&racy, &[breaking(look("1:4", LATE), "the child runs first")], Class::ScheduleOnly);
}

#[test]
fn without_a_trace_nothing_is_said() {
    let lost = Measurement { unusable: vec!["events were lost".into()], ..look("1:4", "") };
    let finding = check(&[look("1:4", USUAL)], &[lost], Class::Unusable);
    assert_eq!(finding.unusable, ["head: events were lost"]);
}

fn report() -> Report {
    let base = [costing(look("1:4", USUAL), 100)];
    let finding = |id: &str, head: Measurement| classify(id, &base, &[head], &[]).expect("both have runs");
    let findings = vec![
        finding("same", costing(look("1:4", USUAL), 100)),
        finding("dearer", costing(look("1:4", USUAL), 150)),
        finding("other", costing(look("1:4", LATE), 100)),
    ];
    Report { base: "rpi3-6.1".into(), head: "patched".into(), identical: false, findings }
}

#[test]
fn the_worst_is_told_first_and_what_is_the_same_is_counted() {
    insta::assert_snapshot!(report().mail(), @r"
    patched against rpi3-6.1: 1 same, 1 cost changed, 1 behaviour changed

    other: behaviour changed
      child  1 added
      + 1    sleep()

    dearer: cost changed
      fork: 100 → 150 instructions, +50.00 %
    ");
    assert_eq!(report().worst(), Class::BehaviourChanged);
}

#[test]
fn kernels_that_are_the_same_may_have_other_tests() {
    let same = |findings| Report { identical: true, findings, ..report() };
    assert_eq!(same(Vec::new()).sum(), "the same kernel, byte for byte: nothing can differ");
    let findings = report().findings.into_iter().take(1).collect();
    assert_eq!(same(findings).sum(), "the same kernel, byte for byte; its tests: 1 same");
}

#[test]
fn a_comment_on_a_change_is_markdown() {
    insta::assert_snapshot!(report().markdown(), @r"
    ### `patched` against `rpi3-6.1`: 1 same, 1 cost changed, 1 behaviour changed

    <details><summary><code>other</code>: <b>behaviour changed</b></summary>

    #### `child`: 1 added

    ```diff
    + 1    sleep()
    ```

    </details>

    <details><summary><code>dearer</code>: <b>cost changed</b></summary>

    | instructions | before | after | |
    |---|---:|---:|---:|
    | fork | 100 | 150 | +50.00 % |

    </details>
    ");
}

#[test]
fn a_page_is_one_file_and_what_comes_from_a_run_is_text_in_it() {
    const HOSTILE: &str = "</main><script>{{style}}";
    let base = [costing(look("1:4", USUAL), 1000)];
    let other = look("1:4", &format!("parent  fork()\nchild   comm={HOSTILE}\nparent  wait()\n"));
    let head = breaking(costing(other, 1100), HOSTILE);
    let allowed = [">5%".parse().expect("a threshold")];
    let findings = ["broken", "fine"].map(|id| {
        let head = if id == "fine" { &base[0] } else { &head };
        classify(id, &base, std::slice::from_ref(head), &allowed).expect("both have runs")
    });
    let report = Report { base: "rpi3-6.1".into(), head: HOSTILE.into(), identical: false, findings: findings.into() };
    let page = report.html();
    for sign in ["http:", "https:", "src=", "@import", "url(", "<script"] {
        assert!(!page.contains(sign), "the page asks for something by `{sign}`");
    }
    assert!(page.contains("<section id=\"broken\"") && !page.contains("<section id=\"fine\""));
    assert!(page.contains("<td>1000</td><td>1100</td><td>+10.00 % ✗ too much</td>"));
    assert_eq!((page.matches("&lt;/main&gt;").count(), page.matches("</main>").count()), (4, 1), "{page}");
}

#[test]
fn a_known_complaint_does_not_hide_another_one() {
    let complaining = |found: &str| Measurement { broken: vec![(SILENT.into(), found.into())], ..look("1:4", "") };
    let class = |head: &str| {
        let base = complaining("WARNING: CPU: 1 PID: 30 at kernel/fork.c:2100 copy_process+0x10/0x20");
        classify("x", &[base], &[complaining(head)], &[]).map(|finding| finding.class)
    };
    assert_eq!(class("WARNING: CPU: 0 PID: 31 at kernel/fork.c:2104 copy_process+0x18/0x2c"), Some(Class::Same));
    assert_eq!(class("BUG: KASAN: use-after-free in do_exit+0x1/0x2"), Some(Class::ExpectationBroken));
}
