//! A disk that is full at 100 different points of a run, each in a mount namespace of its own (`unshare`, util-linux).
#![expect(clippy::disallowed_methods, reason = "a mount namespace is made as a shell makes it")]

use std::fs;
use std::process::{Command, Stdio};

use kernsnap::cli::Exit;
use serde_json::Value;

use crate::chance::{Chance, count, tell};
use crate::host::{assert_whole, known};
use crate::support::{Outcome, OwnStore, program, root};

const POINTS: usize = 100;

/// The smallest room that is left on the disk, in KiB: a lock file has no place there. The largest is 1024 times that.
const SMALLEST: f64 = 4.0;

/// Fills a disk with a store, runs, makes room, runs again, and leaves the store for a look.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs -o size=256m tmpfs "$DISK"
cp -a "$SKELETON" "$DISK/store"
used=$(df -k --output=used "$DISK" | tail -n 1)
mount -o "remount,size=$((used + SIZE))k" "$DISK"
run() {
    code=0
    "$PROGRAM" --root "$ROOT" --store "$DISK/store" run user-fork --json >"$OUT/$1.out" 2>"$OUT/$1.err" || code=$?
    echo "$code" >"$OUT/$1.code"
}
run full
mount -o remount,size=256m "$DISK"
run after
cp -a "$DISK/store" "$OUT/store"
"#;

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half() -> Outcome {
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).stdin(Stdio::null());
        command
    };
    let allowed = unshared("mount -t tmpfs tmpfs /mnt").stderr(Stdio::null()).status().is_ok_and(|end| end.success());
    if !allowed {
        tell("disk: not tried, because this host does not allow a user to mount");
        return Ok(());
    }
    let mut chance = Chance::new("disk");
    let normal = OwnStore::lending(&["kernel", "facts", "program", "module"])?;
    let expected = known(normal.path())?.into_iter().find(|(scenario, ..)| scenario == "user-fork");
    let (_, _, hash) = expected.ok_or("it ran")?;
    crate::host::end_all(normal.path())?;
    let (mut passed, mut refused) = (0, 0);
    for point in 0..count(POINTS) {
        // Half of the stores must compile the library first.
        let kinds: &[&str] = if point % 2 == 0 { &["lockstep"] } else { &[] };
        let skeleton = OwnStore::lending(&[&["kernel", "facts", "program", "module"], kinds].concat())?;
        let (disk, out) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let size = SMALLEST * f64::from(1 << 10).powf(chance.fraction());
        let status = unshared(SCRIPT)
            .env("SIZE", format!("{size:.0}"))
            .env("DISK", disk.path())
            .env("SKELETON", skeleton.path())
            .env("OUT", out.path())
            .env("ROOT", root())
            .env("PROGRAM", program())
            // A process that keeps templates would keep the disk.
            .env("KERNSNAP_TEMPLATES", "off")
            .env("KERNSNAP_FRESH", "")
            .stderr(Stdio::inherit())
            .status()?;
        let read = |name: &str| fs::read_to_string(out.path().join(name));
        assert!(status.success(), "the disk of {size:.0} KiB was not made");
        let fault = format!("a disk of {size:.0} KiB");
        let code: i32 = read("full.code")?.trim().parse()?;
        let (said, printed) = (read("full.err")?, read("full.out")?);
        let words = ["no room", "make room", "No space left"];
        let is_told = words.iter().any(|words| said.contains(words) || printed.contains(words));
        let allowed = [Exit::BuildFailed, Exit::MachineLost].map(|exit| exit as i32);
        assert!(code == 0 || allowed.contains(&code) && is_told, "{fault}: exit code {code}\n{printed}\n{said}");
        for (name, code) in [("full", code), ("after", read("after.code")?.trim().parse()?)] {
            let records: Vec<Value> =
                read(&format!("{name}.out"))?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            for record in records.iter().filter(|_| code == 0) {
                assert_eq!(
                    (record["verdict"].as_str(), record["raw_sha256"].as_str()),
                    (Some("passed"), hash.as_deref())
                );
            }
            assert!(name == "full" || code == 0, "after {fault}: {}", read("after.err")?);
        }
        assert_whole(&out.path().join("store"), &fault)?;
        if code == 0 { passed += 1 } else { refused += 1 }
    }
    tell(&format!(
        "disk: {} sizes, {refused} too small and {passed} large enough: no half entry, and the next run passes",
        passed + refused
    ));
    Ok(())
}
