//! Two kernels compared over many scenarios.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::session::measure::{Kernel, Scrutiny, lacking, measure};
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::run::Session;
use kernsnap_analysis::cost::Threshold;
use kernsnap_analysis::regress::{Finding, Measurement, classify};
use kernsnap_host::parallel::in_order;

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

/// Compares two kernels; `None` where both run the same code on the same data, so that every run would be the same.
///
/// # Errors
/// If a scenario cannot be prepared, or a run says nothing about its kernel.
pub fn regress(
    session: &Session,
    base: &PreparedImage<'_>,
    head: &PreparedImage<'_>,
    order: &RegressOrder,
) -> Result<Option<Vec<Finding>>, PrepareError> {
    let identical = base.runtime.command_line == head.runtime.command_line
        && (base.runtime.content == head.runtime.content || base.runs_the_same(head)?);
    if identical {
        return Ok(None);
    }
    let kernels = (&Kernel::new(base, session), &Kernel::new(head, session));
    let mut findings = all(kernels, order, Scrutiny::Some, &order.files)?;
    let dearer = |file: &&PathBuf| findings.iter().any(|one| one.scenario == id(file) && !one.cost.is_empty());
    let few: Vec<PathBuf> = order.files.iter().filter(dearer).cloned().collect();
    if few.len() <= FEW {
        for again in all(kernels, order, Scrutiny::Most, &few)? {
            findings.iter_mut().filter(|one| one.scenario == again.scenario).for_each(|one| *one = again.clone());
        }
    }
    Ok(Some(findings))
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
