//! Two kernels compared over many scenarios, and over the kernel's own tests.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::session::measure::{Kernel, Scrutiny, lacking, measure};
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::run::Session;
use kernsnap_analysis::cost::Threshold;
use kernsnap_analysis::regress::{Finding, Measurement, classify, is_open};
use kernsnap_host::parallel::in_order;
use kernsnap_image::SelfTests;
use kernsnap_machine::Schedule;

/// Scenarios with other costs up to this many are measured in more circumstances.
const FEW: usize = 4;

/// The extent of a comparison.
#[derive(Clone, Debug)]
pub struct RegressOrder {
    /// The scenarios' files.
    pub files: Vec<PathBuf>,
    /// Guests at a time.
    pub parallel: usize,
    /// Schedules of the base to run where the usual one differs.
    pub base_schedules: usize,
    /// The figures that may not cost more.
    pub fail_above: Vec<Threshold>,
}

/// A target of the kernel's own tests, from the sources of both kernels; `None` where a source has no such target.
#[derive(Clone, Debug)]
pub struct TargetPair {
    /// The tests of the base.
    pub base: Option<SelfTests>,
    /// The tests of the head.
    pub head: Option<SelfTests>,
}

/// The findings of a comparison.
#[derive(Clone, Debug)]
pub struct Compared {
    /// True if both kernels run the same code on the same data, so that every scenario would be the same; none was run.
    pub identical: bool,
    /// The findings of scenarios, then those of tests.
    pub findings: Vec<Finding>,
}

/// Compares two kernels. A kernel's own tests are compared also where the kernels are the same: a test is part of the source.
///
/// # Errors
/// If a scenario cannot be prepared, or a run says nothing about its kernel.
pub fn regress(
    session: &Session,
    base: &PreparedImage<'_>,
    head: &PreparedImage<'_>,
    order: &RegressOrder,
    targets: &[TargetPair],
) -> Result<Compared, PrepareError> {
    let identical = base.runtime.command_line == head.runtime.command_line
        && (base.runtime.content == head.runtime.content || base.runs_the_same(head)?);
    let kernels = (&Kernel::new(base, session), &Kernel::new(head, session));
    let mut findings = if identical { Vec::new() } else { scenarios(kernels, order)? };
    findings.extend(tests(kernels, order, targets)?);
    Ok(Compared { identical, findings })
}

/// The findings of all scenarios.
fn scenarios(kernels: (&Kernel<'_>, &Kernel<'_>), order: &RegressOrder) -> Result<Vec<Finding>, PrepareError> {
    let mut findings = all(kernels, order, Scrutiny::Some, &order.files)?;
    let dearer = |file: &&PathBuf| findings.iter().any(|one| one.scenario == id(file) && !one.cost.is_empty());
    let few: Vec<PathBuf> = order.files.iter().filter(dearer).cloned().collect();
    if few.len() <= FEW {
        for again in all(kernels, order, Scrutiny::Most, &few)? {
            findings.iter_mut().filter(|one| one.scenario == again.scenario).for_each(|one| *one = again.clone());
        }
    }
    Ok(findings)
}

/// A scenario's id.
fn id(file: &Path) -> Cow<'_, str> {
    file.file_stem().unwrap_or_default().to_string_lossy()
}

/// The findings of these scenarios, in order.
fn all(
    kernels: (&Kernel<'_>, &Kernel<'_>),
    order: &RegressOrder,
    scrutiny: Scrutiny,
    files: &[PathBuf],
) -> Result<Vec<Finding>, PrepareError> {
    let mut findings = Vec::new();
    let act = |file: &PathBuf| one(kernels, order, scrutiny, file);
    in_order(files, order.parallel, PrepareError::is_interruption, act, |_, found| {
        findings.extend(found?);
        Ok(())
    })?;
    Ok(findings)
}

/// The finding of one scenario; `None` where it applies to neither kernel.
fn one(
    (base, head): (&Kernel<'_>, &Kernel<'_>),
    order: &RegressOrder,
    scrutiny: Scrutiny,
    file: &Path,
) -> Result<Option<Finding>, PrepareError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    match (base.prepared(file)?, head.prepared(file)?) {
        (Prepared::DoesNotApply(_), Prepared::DoesNotApply(_)) => return Ok(None),
        (Prepared::Ready(one, payload), Prepared::Ready(other, other_payload)) => {
            let usual = base.usual_schedule();
            let (before_runs, after_runs) = ((&*one, &payload), (&*other, &other_payload));
            before.push(base.measure(before_runs, usual)?);
            after.push(head.measure(after_runs, usual)?);
            measure(scrutiny, (base, before_runs, &mut before[0]), (head, after_runs, &mut after[0]))?;
            base.explain(before_runs, order.base_schedules, &after[0], &mut before)?;
        }
        (Prepared::DoesNotApply(not), Prepared::Ready(..)) => before.push(lacking(&not)),
        (Prepared::Ready(..), Prepared::DoesNotApply(not)) => after.push(lacking(&not)),
    }
    before.extend(before.is_empty().then(Measurement::default));
    after.extend(after.is_empty().then(Measurement::default));
    Ok(classify(&id(file), &before, &after, &order.fail_above))
}

/// The findings of the tests that either kernel has, in order.
fn tests(
    kernels: (&Kernel<'_>, &Kernel<'_>),
    order: &RegressOrder,
    targets: &[TargetPair],
) -> Result<Vec<Finding>, PrepareError> {
    let jobs: Vec<(&TargetPair, &str)> =
        targets.iter().flat_map(|pair| pair.names().into_iter().map(move |name| (pair, name))).collect();
    let mut findings = Vec::new();
    let act = |(pair, name): &(&TargetPair, &str)| test(kernels, order.base_schedules, pair, name);
    in_order(&jobs, order.parallel, PrepareError::is_interruption, act, |_, found| {
        findings.extend(found?);
        Ok(())
    })?;
    Ok(findings)
}

/// The finding of one test; `None` where neither kernel has it.
fn test(
    (base, head): (&Kernel<'_>, &Kernel<'_>),
    base_schedules: usize,
    pair: &TargetPair,
    name: &str,
) -> Result<Option<Finding>, PrepareError> {
    let look = |kernel: &Kernel<'_>, tests: Option<&SelfTests>, schedule: Schedule| match tests {
        Some(tests) if tests.tests.iter().any(|one| one == name) => kernel.measure_test(tests, name, schedule),
        // A test that the other kernel has may have been built there.
        Some(tests) => {
            let why = tests.unbuilt.iter().find(|(one, _)| one == name);
            let unusable = why.map(|(_, why)| format!("the test is not built: {why}")).into_iter().collect();
            Ok(Measurement { unusable, ..Measurement::default() })
        }
        None => Ok(Measurement::default()),
    };
    let usual = base.usual_schedule();
    let mut before = vec![look(base, pair.base.as_ref(), usual)?];
    let after = look(head, pair.head.as_ref(), usual)?;
    if is_open(&before[0], &after) {
        for schedule in Schedule::series(&[usual.cpus], base_schedules).into_iter().skip(1) {
            before.push(look(base, pair.base.as_ref(), schedule)?);
        }
    }
    Ok(classify(&format!("{}/{name}", pair.target()), &before, &[after], &[]))
}

impl TargetPair {
    /// The target's name.
    fn target(&self) -> &str {
        self.base.as_ref().or(self.head.as_ref()).map_or("", |tests| &tests.target)
    }

    /// The tests that at least one kernel has built, sorted.
    fn names(&self) -> BTreeSet<&str> {
        [&self.base, &self.head].into_iter().flatten().flat_map(|tests| &tests.tests).map(String::as_str).collect()
    }
}
