//! Images: a kernel, a board's device tree, and the programs and modules that go with them, built once and found again.
//!
//! ```text
//! images/NAME.yaml ─▶ ImageSpec ─┐
//! images/kconfig/*.config ───────┼─▶ Inputs ─▶ Key ─▶ store ─▶ BuiltImage ─▶ programs, modules
//! kernel source, toolchain ──────┘            (missing: BuildPlan ─▶ build)
//! ```
//!
//! Everything is named by what it is made from, so whether something must be built is never a question of dates: [`Images`]
//! computes the name, and builds when the store has no such entry.

mod build;
mod busybox;
mod error;
mod event;
mod kconfig;
mod keep;
mod key;
mod modules;
mod plan;
mod programs;
mod source;
mod spec;
mod stamp;
pub mod store;
mod toolchain;

pub use error::{ImageError, ImageErrorKind};
pub use event::{Events, ImageEvent, Phase};
pub use kconfig::{ConfigError, ConfigStage};
pub use key::{Inputs, Key};
pub use spec::{Arch, DeviceTreeSpec, ImageSpec, KernelSpec, SourcePackage, SourceSpec};
pub use stamp::Stamp;
pub use store::{Store, StoreError};

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use self::kconfig::Fragment;
use self::source::Source;
use self::store::Entry;
use self::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Where images are described, where they are kept, and how they are built.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// The checkout.
    pub workspace: &'a Workspace,
    /// The store.
    pub store: &'a Store,
    /// What the command line says.
    pub options: &'a Options,
}

/// What the command line says about building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The kernel's source, a tree or a tarball, instead of the one the image names. It stands for that name from then on.
    pub kernel_source: Option<PathBuf>,
    /// Whether a source that was found before is looked for again.
    pub resolve: Resolve,
    /// How many compilers run at a time.
    pub jobs: NonZeroUsize,
}

/// Whether the record of an earlier look for the kernel's source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// It does.
    Recorded,
    /// It is made again.
    Again,
}

impl Default for Options {
    /// The recorded source, and as many compilers as processors.
    fn default() -> Options {
        let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Options { kernel_source: None, resolve: Resolve::Recorded, jobs }
    }
}

/// An image whose files are there and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Its name.
    pub name: String,
    /// The hash of everything the kernel was made from. Guest programs and the command line are not part of it.
    pub key: Key,
    /// The board, a file in `images/boards/`.
    pub machine: String,
    /// The architecture.
    pub arch: Arch,
    /// The prefix of the cross tools.
    pub cross: String,
    /// What the kernel calls itself, `6.1.170`.
    pub release: String,
    /// The kernel's command line, one line.
    pub command_line: String,
    /// The kernel image.
    pub kernel: PathBuf,
    /// The board's device tree.
    pub device_tree: PathBuf,
    /// The kernel's symbols and addresses.
    pub system_map: PathBuf,
    /// The kernel's whole configuration.
    pub config: PathBuf,
    /// The modules that the kernel's own source makes, by name.
    pub modules: BTreeMap<String, PathBuf>,
    /// The directory that modules are built against.
    pub build_tree: PathBuf,
    toolchain: Toolchain,
}

/// A program or a module in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The file.
    pub path: PathBuf,
    /// blake3 of its content, hexadecimal.
    pub hash: String,
}

impl Images<'_> {
    /// The image, built when the store does not have it.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn open_or_build(&self, spec: &ImageSpec, events: Events<'_>) -> Result<BuiltImage, ImageError> {
        let recipe = self.recipe(spec, events)?;
        let entry = self.store.ensure(&recipe.inputs, events, |dir, events| {
            let tree = recipe.source.tree(self.store, events)?;
            let job = build::Job {
                spec,
                fragments: &recipe.fragments,
                tree,
                overlay: self.overlay(spec),
                log: self.store.log_for(&recipe.inputs)?,
                jobs: self.options.jobs.get(),
            };
            build::build(job, dir, events)
        })?;
        built(spec, &recipe, &entry)
    }

    /// The image if the store has it.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn open(&self, spec: &ImageSpec, events: Events<'_>) -> Result<Option<BuiltImage>, ImageError> {
        let recipe = self.recipe(spec, events)?;
        self.store.find(&recipe.inputs)?.map(|entry| built(spec, &recipe, &entry)).transpose()
    }

    /// Whether the store has the image. Looks nothing up outside of the store: an image whose source was never looked for
    /// cannot have been built.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn is_built(&self, spec: &ImageSpec) -> Result<bool, ImageError> {
        Ok(source::is_recorded(self.store, &spec.kernel.source) && self.open(spec, &mut |_| ())?.is_some())
    }

    /// A guest program for this image, compiled when the store does not have it: `init`, or the name of a C file in
    /// `guest-programs/user` or `guest-programs/faults`.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn program(&self, image: &BuiltImage, name: &str, events: Events<'_>) -> Result<Artifact, ImageError> {
        programs::program(self.workspace, self.store, &image.toolchain, name, events)
    }

    /// A module for this image's kernel: one that the kernel's own source made, or else an out-of-tree one, built when the
    /// store does not have it: the name of a directory in `guest-programs/modules`, whose `Kbuild` makes `NAME.ko`, with `_`
    /// for each `-`.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn module(&self, image: &BuiltImage, name: &str, events: Events<'_>) -> Result<Artifact, ImageError> {
        modules::module(self.workspace, self.store, image, name, events)
    }

    /// The object whose debugging information tells the layouts of this image's kernel, built when the store does not have
    /// it.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn types(&self, image: &BuiltImage, events: Events<'_>) -> Result<Artifact, ImageError> {
        modules::types(self.workspace, self.store, image, events)
    }

    /// A static busybox for this image's guests: `supplied`, which stands for it from then on, or the distribution's.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn busybox(
        &self,
        image: &BuiltImage,
        supplied: Option<&Path>,
        events: Events<'_>,
    ) -> Result<Artifact, ImageError> {
        busybox::busybox(self, image, supplied, events)
    }

    fn recipe(&self, spec: &ImageSpec, events: Events<'_>) -> Result<Recipe, ImageError> {
        let kernel = &spec.kernel;
        let fragments = kernel.config.iter().map(|name| {
            let path = self.workspace.fragment(name);
            let text = fs::read_to_string(&path).map_err(StoreError::read(&path))?;
            Ok((self.workspace.relative(&path).to_owned(), text))
        });
        let fragments = kconfig::parse(&fragments.collect::<Result<Vec<_>, StoreError>>()?)?;
        let overlay = match self.overlay(spec) {
            Some(path) => fs::read(&path).map_err(StoreError::read(&path))?,
            None => Vec::new(),
        };
        let source = source::resolve(self.store, &kernel.source, self.options, events)?;
        let toolchain = Toolchain::identify(self.store, &kernel.cross)?;
        let inputs = Inputs::new("kernel", plan::RECIPE)
            .with("source", source.digest())
            .with("arch", kernel.arch.as_str())
            .with("compiler", &toolchain.compiler)
            // What they ask for, in order: a comment in a fragment changes no kernel.
            .with("config", kconfig::merge(&fragments))
            .with("device-tree", &kernel.device_tree.from)
            .with("overlay", overlay);
        Ok(Recipe { fragments, source, toolchain, inputs })
    }

    fn overlay(&self, spec: &ImageSpec) -> Option<PathBuf> {
        spec.kernel.device_tree.overlay.as_ref().map(|name| self.workspace.overlay(name))
    }
}

/// Everything an image is made from.
struct Recipe {
    fragments: Vec<Fragment>,
    source: Source,
    toolchain: Toolchain,
    inputs: Inputs,
}

fn built(spec: &ImageSpec, recipe: &Recipe, entry: &Entry) -> Result<BuiltImage, ImageError> {
    let release = entry.file(build::RELEASE);
    Ok(BuiltImage {
        name: spec.name.clone(),
        key: recipe.inputs.key(),
        machine: spec.machine.clone(),
        arch: spec.kernel.arch,
        cross: spec.kernel.cross.clone(),
        release: fs::read_to_string(&release).map_err(StoreError::read(&release))?.trim().to_owned(),
        command_line: spec.kernel.command_line.clone(),
        kernel: entry.file(build::KERNEL),
        device_tree: entry.file(build::DEVICE_TREE),
        system_map: entry.file(build::SYSTEM_MAP),
        config: entry.file(build::CONFIG),
        modules: keep::built_modules(&entry.file(build::MODULES))?,
        build_tree: entry.file(build::BUILD_TREE),
        toolchain: recipe.toolchain.clone(),
    })
}
