//! Several boots at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Does the jobs on several threads, and hands on their results in the order of the jobs. An interruption leaves those behind
/// it undone; `is_interruption` knows one.
///
/// # Errors
/// The errors of `then`, or an interruption.
pub fn in_order<J: Sync, T: Send, E: Send>(
    jobs: &[J],
    parallel: usize,
    is_interruption: impl Fn(&E) -> bool + Sync,
    act: impl Fn(&J) -> Result<T, E> + Sync,
    mut then: impl FnMut(&J, Result<T, E>) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..parallel.min(jobs.len()) {
            let (results, next, act, is_interruption) = (results.clone(), &next, &act, &is_interruption);
            // QEMU is tied to the life of the thread that started it; this one waits for it.
            scope.spawn(move || {
                while let Some((index, job)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, jobs.get(i)?)))
                {
                    let result = act(job);
                    let stop = matches!(&result, Err(error) if is_interruption(error));
                    if results.send((index, result)).is_err() || stop {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, result) in received {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                then(&jobs[due], result)?;
                due += 1;
            }
        }
        // An interrupted job leaves those after it undone.
        early.into_values().find_map(Result::err).map_or(Ok(()), Err)
    })
}
