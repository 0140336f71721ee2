//! Several boots at a time.

use super::{Exit, Failure};
use kernsnap_host::parallel;

/// [`parallel::in_order`] for what commands do.
pub(super) fn in_order<J: Sync, T: Send>(
    jobs: &[J],
    parallel: usize,
    act: impl Fn(&J) -> Result<T, Failure> + Sync,
    then: impl FnMut(&J, Result<T, Failure>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    parallel::in_order(jobs, parallel, |failure: &Failure| failure.exit == Exit::Interrupted, act, then)
}
