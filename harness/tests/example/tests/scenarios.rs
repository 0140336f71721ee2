//! One test for each scenario of this project.

kernsnap::scenario_tests!();
