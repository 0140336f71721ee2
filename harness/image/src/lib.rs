//! Images: a kernel, a board's device tree, and the programs and modules that go with them, built once and found again.
//!
//! ```text
//! images/NAME.yaml ─▶ ImageSpec ─┐
//! images/kconfig/*.config ───────┼─▶ CacheInputs ─▶ Key ─▶ store ─▶ BuiltImage ─▶ programs, modules
//! kernel source, toolchain ──────┘            (missing: BuildDir ─▶ BuildPlan ─▶ build, or prebuilt)
//! images/boards/*.overlay.dts ───────────────────▶ device tree
//! ```
//!
//! Everything is named by what it is made from, so whether something must be built is never a question of dates: [`Images`]
//! computes the name, and builds when the store has no such entry.

mod apt;
mod arch;
mod build;
mod build_dir;
mod busybox;
mod debian_root;
mod device_tree;
mod dts;
mod error;
mod firmware;
mod kconfig;
mod kernel_build;
pub mod kselftest;
pub mod module_file;
mod module_headers;
mod modules;
mod plan;
mod prebuilt;
mod programs;
mod source;
mod spec;
mod toolchain;

pub use arch::Arch;
pub use device_tree::Board;
pub use error::{ImageError, ImageErrorKind};
pub use firmware::{FIRMWARE, Firmware};
pub use kconfig::{ConfigError, ConfigStage};
pub use kselftest::SelfTests;
pub use source::spec::{GitSpec, PackageSpec, PrebuiltFiles, PrebuiltSpec, SourceSpec, TarballSpec};
pub use spec::{CardSpec, DeviceTreeSpec, ImageSpec, KernelSpec};

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use kernsnap_host::key::{CacheInputs, Key};
use kernsnap_host::progress::{Events, ImageEvent};
use kernsnap_host::store::{Entry, Store, StoreError};

use self::build_dir::BuildDir;
use self::kconfig::Fragment;
use self::source::Source;
use self::toolchain::Toolchain;
use kernsnap_host::workspace::Workspace;

/// Where images are described, where they are kept, and how they are built.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// The checkout.
    pub workspace: &'a Workspace,
    /// The store.
    pub store: &'a Store,
    /// The options of the command line.
    pub options: &'a Options,
}

/// The build options of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The kernel's source instead of the one the image names.
    pub kernel_source: Option<SourceSpec>,
    /// True if `kernel_source` means the name of the image's own source from then on.
    pub remember: bool,
    /// The configuration to begin with instead of the image's.
    pub config: Option<ConfigBase>,
    /// Configuration fragments to lay over the image's, the later over the earlier.
    pub fragments: Vec<PathBuf>,
    /// The patches to the kernel's source, in this order: files as `diff -u` and git make them.
    pub patches: Vec<PathBuf>,
    /// True if a source that was found before is looked for again.
    pub resolve: Resolve,
    /// How many compilers run at a time.
    pub jobs: NonZeroUsize,
}

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigBase {
    /// A `.config`.
    File(PathBuf),
    /// A configuration target of kbuild: `defconfig`, `bcm2711_defconfig`, `tinyconfig`.
    Target(String),
}

impl ConfigBase {
    /// What `--config` says.
    ///
    /// # Errors
    /// With a sentence, where it is neither a file nor the name of a target.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        let is_target = text.ends_with("config")
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        match () {
            () if path.is_file() => Ok(Self::File(path.to_owned())),
            () if is_target => Ok(Self::Target(text.to_owned())),
            () => Err("it is neither a file nor a target such as `defconfig`".to_owned()),
        }
    }
}

/// The use of the record of an earlier lookup of the kernel's source.
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
        Options {
            kernel_source: None,
            remember: false,
            config: None,
            fragments: Vec::new(),
            patches: Vec::new(),
            resolve: Resolve::Recorded,
            jobs,
        }
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
    /// The kernel's release, such as `6.1.170`.
    pub release: String,
    /// The kernel's command line, one line.
    pub command_line: String,
    /// The kernel image.
    pub kernel: PathBuf,
    /// The board's device tree.
    pub device_tree: PathBuf,
    /// The kernel's symbols and addresses. A kernel that comes built leaves them out: it is asked for them.
    pub system_map: Option<PathBuf>,
    /// The kernel with its debugging information, where it was built with it.
    pub vmlinux: Option<PathBuf>,
    /// The source as it was laid out for the last build of this kind, where it is still there. Only debuggers read it.
    pub source: Option<PathBuf>,
    /// How it reaches the board's card, where it can.
    pub card: Option<CardSpec>,
    /// The commit it was built from, where its source is a repository.
    pub commit: Option<String>,
    /// The kernel's whole configuration.
    pub config: PathBuf,
    /// The modules that the kernel's own source makes, by name.
    pub modules: BTreeMap<String, PathBuf>,
    /// The directory that modules are built against.
    pub build_tree: PathBuf,
    /// The kernel's entry in the store.
    entry: Entry,
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
    pub fn open_or_build(&self, spec: &ImageSpec, board: &Board, events: Events<'_>) -> Result<BuiltImage, ImageError> {
        let kernel = &spec.kernel;
        let toolchain = Toolchain::identify(self.store, &kernel.cross)?;
        let root = &self.workspace.origin;
        if let SourceSpec::Prebuilt(prebuilt) = self.options.kernel_source.as_ref().unwrap_or(&kernel.source) {
            let (inputs, entry) = prebuilt::open(self.store, root, prebuilt, kernel.arch, self.options, events)?;
            let tree = self.device_tree(spec, board, None, &entry, events)?;
            return Self::built(spec, toolchain, &inputs, None, &entry, tree);
        }
        let recipe = self.recipe(spec, &toolchain, events)?;
        let entry = self.store.ensure(&recipe.inputs, events, |dir, events| {
            let log = self.store.log_for(&recipe.inputs)?;
            BuildDir::enter(self.store, &recipe.workshop, &recipe.source, events, |workshop, events| {
                let (fragments, jobs) = (&recipe.fragments, self.options.jobs.get());
                let base = recipe.base.as_ref();
                build::build(&build::Job { spec, base, fragments, workshop, log, jobs }, dir, events)
            })
        })?;
        recipe.source.remember(self.store);
        let tree = self.device_tree(spec, board, Some(&recipe), &entry, events)?;
        let source = BuildDir::tree(self.store, &recipe.workshop);
        let built = Self::built(spec, toolchain, &recipe.inputs, recipe.source.commit(), &entry, tree)?;
        Ok(BuiltImage { source, ..built })
    }

    /// The image if the store has its kernel.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn open(&self, spec: &ImageSpec, board: &Board, events: Events<'_>) -> Result<Option<BuiltImage>, ImageError> {
        if self.is_built(spec)? { self.open_or_build(spec, board, events).map(Some) } else { Ok(None) }
    }

    /// True if the store has the image's kernel. Looks nothing up outside of the store: an image whose source was never looked
    /// for cannot have been built.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn is_built(&self, spec: &ImageSpec) -> Result<bool, ImageError> {
        let inputs = match &spec.kernel.source {
            SourceSpec::Prebuilt(prebuilt) => {
                prebuilt::known(self.store, &self.workspace.origin, prebuilt, spec.kernel.arch)?
            }
            source if source::is_recorded(self.store, source) => {
                match Toolchain::identify(self.store, &spec.kernel.cross) {
                    Ok(toolchain) => Some(self.recipe(spec, &toolchain, &mut |_| ())?.inputs),
                    // A kernel's key names its compiler: without one, no kernel in the store is this image's.
                    Err(error) if error.kind() == ImageErrorKind::HostNotSetUp => None,
                    Err(error) => return Err(error),
                }
            }
            _ => None,
        };
        inputs.map_or(Ok(false), |inputs| Ok(self.store.find(&inputs)?.is_some()))
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

    /// A static busybox for this image's guests: `supplied`, which means it from then on, or the distribution's.
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

    /// A root file system of Debian for an architecture, as a tar archive.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn debian_root(&self, image: &BuiltImage, events: Events<'_>) -> Result<Artifact, ImageError> {
        debian_root::debian_root(self.store, image.arch, events)
    }

    /// The kernel's own tests of a target (`tools/testing/selftests/TARGET`), built when the store does not have them.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; a kernel that comes built has no source, and so no tests.
    pub fn kselftests(
        &self,
        spec: &ImageSpec,
        image: &BuiltImage,
        target: &str,
        events: Events<'_>,
    ) -> Result<SelfTests, ImageError> {
        if let SourceSpec::Prebuilt(_) = self.options.kernel_source.as_ref().unwrap_or(&spec.kernel.source) {
            let text = format!("the kernel of {} comes built, so its tests are not here", image.name);
            return Err(ImageError::input(text, "`kernsnap image list` says which images are built from source"));
        }
        let recipe = self.recipe(spec, &image.toolchain, events)?;
        let (arch, cross, toolchain) = (image.arch, &*image.cross, &image.toolchain);
        let (digest, jobs) = (recipe.source.digest(), self.options.jobs);
        let job = kselftest::Job { store: self.store, arch, cross, toolchain, digest, jobs };
        let tree = |work: &mut dyn FnMut(&Path) -> Result<(), ImageError>, events: Events<'_>| {
            if let (source::Base::Unpacked(tree), []) =
                (recipe.source.base(self.store, events)?, recipe.source.patches())
            {
                return work(&tree);
            }
            BuildDir::enter(self.store, &recipe.workshop, &recipe.source, events, |workshop, _| work(&workshop.tree))
        };
        kselftest::tests(&job, target, &tree, events)
    }

    /// The firmware of a Raspberry Pi 3, [`FIRMWARE`], where the host's sources have it.
    ///
    /// # Errors
    ///
    /// [`ImageError`]; its kind says who can mend it.
    pub fn firmware(&self, events: Events<'_>) -> Result<Option<Firmware>, ImageError> {
        firmware::firmware(self.store, events)
    }

    fn recipe(&self, spec: &ImageSpec, toolchain: &Toolchain, events: Events<'_>) -> Result<Recipe, ImageError> {
        let kernel = &spec.kernel;
        let base = match &self.options.config {
            None => kernel.defconfig.clone().map(Base::Target),
            Some(ConfigBase::Target(target)) => Some(Base::Target(target.clone())),
            Some(ConfigBase::File(path)) => Some(Base::Text(user_file(path)?)),
        };
        // A configuration of the user's stays as it is, but for what the harness must have.
        let required = ["harness".to_owned()];
        let names = if self.options.config.is_some() { &required[..] } else { &kernel.config };
        let fragments = names.iter().map(|name| {
            let path = self.workspace.fragment(name);
            let text = fs::read_to_string(&path).map_err(StoreError::read(&path))?;
            Ok((self.workspace.relative(&path).to_owned(), text))
        });
        let mut fragments = kconfig::parse(&fragments.collect::<Result<Vec<_>, StoreError>>()?)?;
        if let Some(Base::Text(text)) = &base {
            kconfig::conflicts(text, &fragments).into_iter().map(ImageEvent::Note).for_each(&mut *events);
        }
        let mut users = Vec::new();
        for path in &self.options.fragments {
            users.extend(kconfig::parse(&[(path.clone(), user_file(path)?)])?);
        }
        kconfig::lay_over(&mut fragments, users).into_iter().map(ImageEvent::Note).for_each(&mut *events);
        let source = source::resolve(self.store, &self.workspace.origin, &kernel.source, self.options, events)?;
        let inputs = |kind, recipe, source: &str| {
            CacheInputs::new(kind, recipe)
                .with("source", source)
                .with("arch", kernel.arch.as_str())
                .with("compiler", &toolchain.compiler)
                .with("defconfig", base.as_ref().map(Base::text).unwrap_or_default())
                // The options they set, in order: a comment in a fragment does not change a kernel.
                .with("config", kconfig::merge(&fragments))
        };
        Ok(Recipe {
            inputs: inputs("kernel", plan::RECIPE, &source.digest()),
            workshop: inputs("work", plan::RECIPE, &source.lineage()),
            base,
            fragments,
            source,
        })
    }

    /// The device tree of the image's board. `recipe` is that of the kernel, where it was built here.
    fn device_tree(
        &self,
        spec: &ImageSpec,
        board: &Board,
        recipe: Option<&Recipe>,
        kernel: &Entry,
        events: Events<'_>,
    ) -> Result<PathBuf, ImageError> {
        let tree = &spec.kernel.device_tree;
        let overlays: Vec<PathBuf> = tree.overlays.iter().map(|name| self.workspace.overlay(name)).collect();
        let arch = spec.kernel.arch;
        let compile = |name: &str, recipe: &Recipe, scratch: &Path, events: Events<'_>| {
            if let (source::Base::Unpacked(tree), []) =
                (recipe.source.base(self.store, events)?, recipe.source.patches())
            {
                return device_tree::compile(&tree, arch, name, scratch);
            }
            BuildDir::enter(self.store, &recipe.workshop, &recipe.source, events, |workshop, _| {
                device_tree::compile(&workshop.tree, arch, name, scratch)
            })
        };
        let base = match (&tree.from, recipe) {
            (None, _) => device_tree::Base::Qemu,
            (Some(name), Some(recipe)) => device_tree::Base::Source {
                arch,
                name,
                digest: recipe.source.digest(),
                compile: &|scratch, events| compile(name, recipe, scratch, events),
            },
            (Some(name), None) => device_tree::Base::Blob(prebuilt::device_tree(kernel, name)?),
        };
        device_tree::device_tree(self.store, &base, &overlays, board, events)
    }

    fn built(
        spec: &ImageSpec,
        toolchain: Toolchain,
        inputs: &CacheInputs,
        commit: Option<&str>,
        entry: &Entry,
        device_tree: PathBuf,
    ) -> Result<BuiltImage, ImageError> {
        let release = entry.file(build::RELEASE);
        Ok(BuiltImage {
            name: spec.name.clone(),
            key: inputs.key(),
            machine: spec.machine.clone(),
            arch: spec.kernel.arch,
            cross: spec.kernel.cross.clone(),
            release: fs::read_to_string(&release).map_err(StoreError::read(&release))?.trim().to_owned(),
            command_line: spec.kernel.command_line.clone(),
            kernel: entry.file(build::KERNEL),
            device_tree,
            system_map: Some(entry.file(build::SYSTEM_MAP)).filter(|path| path.is_file()),
            vmlinux: Some(entry.file(build::VMLINUX)).filter(|path| path.is_file()),
            source: None,
            card: spec.kernel.card.clone(),
            commit: commit.map(str::to_owned),
            config: entry.file(build::CONFIG),
            modules: module_headers::built_modules(&entry.file(build::MODULES))?,
            build_tree: entry.file(build::BUILD_TREE),
            entry: entry.clone(),
            toolchain,
        })
    }
}

/// The configuration that fragments are laid over.
#[derive(Debug)]
enum Base {
    /// A whole `.config`.
    Text(String),
    /// A target of kbuild.
    Target(String),
}

impl Base {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Target(text) => text,
        }
    }
}

/// A file that the command line names.
fn user_file(path: &Path) -> Result<String, ImageError> {
    fs::read_to_string(path).map_err(|error| {
        ImageError::input(
            format!("cannot read the configuration `{}`: {error}", path.display()),
            "give a file as kbuild writes `.config`, or some lines of one",
        )
    })
}

/// Everything a kernel is made from.
struct Recipe {
    base: Option<Base>,
    fragments: Vec<Fragment>,
    source: Source,
    inputs: CacheInputs,
    workshop: CacheInputs,
}
