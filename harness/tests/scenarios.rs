//! One test per scenario × image: the scenario runs in a real guest, its expectations must hold and be able to fail, and its
//! view must be the reviewed snapshot. Names are `image::scenario`. `ci/test` sets `KERNSNAP_RERUN`, so that every test that passes
//! there has run on that machine.

use std::process::ExitCode;

use kernsnap::testing::Suite;

fn main() -> ExitCode {
    Suite::of_checkout(env!("CARGO_MANIFEST_DIR")).run(|name, text| insta::assert_snapshot!(name, text))
}
