//! Kernels that come built: the distribution's packages, unpacked as they are, or files that another built. They become
//! entries of the same shape as kernels that are built here.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::apt::{Apt, Look};
use super::arch::Arch;
use super::build::{BUILD_TREE, CONFIG, DEVICE_TREES, KERNEL, MODULES, RELEASE, SYMVERS};
use super::source::spec::{PackageSpec, PrebuiltFiles, PrebuiltSpec};
use crate::{ImageError, Options, Resolve, kernel_build, module_headers};
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture, run};
use kernsnap_host::files;
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::{Entry, Store, StoreError};

const RECIPE: u32 = 1;

/// The packages of one kernel, as they were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Packages {
    /// The kernel's release.
    release: String,
    /// Kernel, its headers, the headers all architectures share, and the programs that build modules, as `NAME=VERSION`.
    names: Vec<String>,
    /// blake3 of all four files.
    digest: String,
}

/// The inputs of a kernel that comes built, if they are known without asking anybody.
pub(super) fn known(
    store: &Store,
    root: &Path,
    spec: &PrebuiltSpec,
    arch: Arch,
) -> Result<Option<CacheInputs>, ImageError> {
    match spec {
        PrebuiltSpec::Build(out) => Ok(Some(kernel_build::inputs(&root.join(out), arch)?)),
        PrebuiltSpec::Package(package) => {
            Ok(store.record::<Packages>(&record_name(package)).map(|packages| inputs(&packages.digest)))
        }
        PrebuiltSpec::Files(files) => Ok(Some(of_files(root, files)?)),
    }
}

/// The kernel, unpacked into the store.
pub(super) fn open(
    store: &Store,
    root: &Path,
    spec: &PrebuiltSpec,
    arch: Arch,
    options: &Options,
    events: Events<'_>,
) -> Result<(CacheInputs, Entry), ImageError> {
    let package = match spec {
        PrebuiltSpec::Build(out) => {
            let out = root.join(out);
            let inputs = kernel_build::inputs(&out, arch)?;
            let entry = store.ensure(&inputs, events, |dir, _| kernel_build::copy(&out, arch, dir))?;
            return Ok((inputs, entry));
        }
        PrebuiltSpec::Files(files) => {
            let inputs = of_files(root, files)?;
            let entry = store.ensure(&inputs, events, |dir, _| copy_files(root, files, dir))?;
            return Ok((inputs, entry));
        }
        PrebuiltSpec::Package(package) => package,
    };
    let record = record_name(package);
    let recorded = store.record::<Packages>(&record).filter(|_| options.resolve == Resolve::Recorded);
    if let Some(packages) = &recorded
        && let Some(entry) = store.find(&inputs(&packages.digest))?
    {
        return Ok((inputs(&packages.digest), entry));
    }
    events(ImageEvent::Phase(Phase::Fetch(package.name.clone())));
    let scratch = store.scratch()?;
    let packages = fetch(package, arch, recorded.as_ref(), scratch.path())?;
    events(ImageEvent::Note(format!("{} is {}", package.name, packages.names.join(", "))));
    let inputs = inputs(&packages.digest);
    let entry = store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::Unpack(packages.names[0].clone())));
        unpack(&packages, arch, scratch.path(), dir)
    })?;
    // Only the next look-up suffers from a store that cannot be written.
    let _slower_next_time = store.set_record(&record, &packages);
    Ok((inputs, entry))
}

/// A device tree that came with a kernel, by the name it has in the kernel's source.
pub(super) fn device_tree(kernel: &Entry, name: &str) -> Result<PathBuf, ImageError> {
    let trees = kernel.file(DEVICE_TREES);
    // Files of a user's own build bring one.
    let candidates = [format!("{name}.dtb"), "board.dtb".to_owned()];
    let found = candidates.iter().find(|name| trees.join(name).is_file()).ok_or_else(|| {
        ImageError::input(
            format!("the kernel came without a device tree `{name}.dtb`"),
            "`device-tree: from:` names one that the kernel's package holds; `make dtbs` builds those of a build directory",
        )
    })?;
    Ok(kernel.checked(&format!("{DEVICE_TREES}/{found}"))?)
}

fn record_name(package: &PackageSpec) -> String {
    format!("prebuilt-{}-{}", package.name, package.suite.as_deref().unwrap_or("own"))
}

fn inputs(digest: &str) -> CacheInputs {
    CacheInputs::new("kernel", super::plan::RECIPE).with("prebuilt", RECIPE.to_string()).with("packages", digest)
}

/// Downloads the four packages: those of the record, or what the name means now.
fn fetch(package: &PackageSpec, arch: Arch, recorded: Option<&Packages>, dir: &Path) -> Result<Packages, ImageError> {
    let no = |why: String| ImageError::Source {
        what: package.name.clone(),
        why,
        hint: "an image that is built from source takes `--kernel-source PATH`".to_owned(),
    };
    let failed = |error: ToolError| match error {
        ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
        error => no(error.to_string()),
    };
    let suite = package.suite.as_deref().ok_or_else(|| no("the image file names no release (`suite`)".to_owned()))?;
    let apt = Apt::new(dir.to_owned(), Look::Release(suite, arch.debian()))?
        .ok_or_else(|| no("this host does not use Debian's archive".to_owned()))?;
    let unread = apt.update().map_err(failed)?;
    let names = match recorded {
        Some(packages) => packages.names.clone(),
        None => choose(&apt, package, arch).map_err(|error| unread.map_or(error, failed))?,
    };
    let mut words = vec!["download"];
    words.extend(names.iter().map(String::as_str));
    apt.get(&words).map_err(failed)?;
    let mut files: Vec<PathBuf> = debs(dir)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in &files {
        hasher.update(blake3::hash(&fs::read(file).map_err(StoreError::read(file))?).as_bytes());
    }
    let release = names[0].split(':').next().and_then(|name| name.strip_prefix("linux-image-")).unwrap_or_default();
    let packages = Packages { release: release.to_owned(), digest: hasher.finalize().to_hex().to_string(), names };
    match recorded {
        Some(known) if *known != packages => Err(no("it is not the kernel that was used before".to_owned())),
        _ => Ok(packages),
    }
}

fn debs(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(dir).map_err(StoreError::read(dir))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect())
}

/// The packages that belong to the kernel that a package is, or depends on.
fn choose(apt: &Apt, package: &PackageSpec, arch: Arch) -> Result<Vec<String>, ImageError> {
    let step = || ImageError::step(format!("look {} up", package.name));
    let of_arch = |name: &str| format!("{name}:{}", arch.debian());
    let show = |name: &str| apt.show(name).map_err(step());
    let missing = |what: &str| ImageError::Source {
        what: package.name.clone(),
        why: format!("it names no {what}"),
        hint: "`package` names `linux-image-arm64` or another package that is, or depends on, one kernel".to_owned(),
    };
    let text = show(&of_arch(&package.name))?;
    // A name without a version depends on the newest kernel.
    let image = depends(&text, "linux-image-").unwrap_or_else(|| package.name.clone());
    let image = if image == package.name {
        (image, field(&text, "Version").unwrap_or_default())
    } else {
        let text = show(&of_arch(&image))?;
        (image, field(&text, "Version").unwrap_or_default())
    };
    let (name, version) = image;
    let headers = name.replacen("linux-image-", "linux-headers-", 1);
    let text = show(&of_arch(&headers))?;
    let common = depends(&text, "linux-headers-").ok_or_else(|| missing("headers that all architectures share"))?;
    let kbuild = depends(&text, "linux-kbuild-").ok_or_else(|| missing("programs that build modules"))?;
    Ok(vec![
        format!("{}={version}", of_arch(&name)),
        format!("{}={version}", of_arch(&headers)),
        format!("{common}={version}"),
        format!("{kbuild}={version}"),
    ])
}

/// The first package that the first paragraph depends on and whose name begins like this.
fn depends(paragraphs: &str, prefix: &str) -> Option<String> {
    let list = field(paragraphs, "Depends")?;
    let name = |item: &str| item.split_whitespace().next()?.split(':').next().map(str::to_owned);
    list.split([',', '|']).filter_map(name).find(|name| name.starts_with(prefix))
}

fn field(paragraphs: &str, name: &str) -> Option<String> {
    let paragraph = paragraphs.split("\n\n").next()?;
    paragraph.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

/// Makes an entry of the packages.
fn unpack(packages: &Packages, arch: Arch, from: &Path, dir: &Path) -> Result<Vec<String>, ImageError> {
    let step = || ImageError::step("unpack the kernel's packages");
    let root = from.join("root");
    let dpkg = Tool::resolve("dpkg-deb").map_err(step())?;
    for deb in debs(from)? {
        capture(&ToolCall::new(dpkg.clone()).arg("--extract").arg(&deb).arg(&root)).map_err(step())?;
    }
    let release = &packages.release;
    module_headers::copy(&root.join(format!("boot/vmlinuz-{release}")), &dir.join(KERNEL))?;
    module_headers::copy(&root.join(format!("boot/config-{release}")), &dir.join(CONFIG))?;
    let path = dir.join(RELEASE);
    fs::write(&path, format!("{release}\n")).map_err(StoreError::write(&path))?;
    keep_modules(&root.join("lib/modules").join(release), &dir.join(MODULES))?;
    rename(&root.join(format!("usr/lib/linux-image-{release}")), &dir.join(DEVICE_TREES))?;
    build_tree(&root, release, arch, &dir.join(BUILD_TREE))?;
    Ok([KERNEL, CONFIG, RELEASE, SYMVERS, MODULES, DEVICE_TREES, BUILD_TREE].map(str::to_owned).to_vec())
}

/// One directory that is source and output at once, as [`module_headers::module_tree`] leaves for kernels that are built here.
fn build_tree(root: &Path, release: &str, arch: Arch, to: &Path) -> Result<(), ImageError> {
    let src = root.join("usr/src");
    let own = src.join(format!("linux-headers-{release}"));
    let common = find(&src, |name| name.starts_with("linux-headers-") && name.ends_with("-common"))?;
    let kbuild = find(&root.join("usr/lib"), |name| name.starts_with("linux-kbuild-"))?;
    let arch = format!("arch/{}", arch.as_str());
    for part in ["include", &arch] {
        module_headers::copy_tree(&common, part, to, &|_| true)?;
    }
    module_headers::copy(&common.join("Makefile"), &to.join("Makefile"))?;
    for part in ["include", "arch"] {
        module_headers::copy_tree(&own, part, to, &|_| true)?;
    }
    for part in ["scripts", "tools", "certs"] {
        module_headers::copy_tree(&kbuild, part, to, &|_| true)?;
    }
    for file in [".config", "Module.symvers"] {
        module_headers::copy(&own.join(file), &to.join(file))?;
    }
    Ok(())
}

fn find(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf, ImageError> {
    let entries = fs::read_dir(dir).map_err(StoreError::read(dir))?;
    let found = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted));
    found.ok_or_else(|| ImageError::Source {
        what: dir.display().to_string(),
        why: "the packages do not hold what kernels' packages hold".to_owned(),
        hint: "its layout is another than that of Debian's kernels".to_owned(),
    })
}

/// Every module below `from`, `NAME.ko`, whatever directory it lies in.
fn keep_modules(from: &Path, to: &Path) -> Result<(), ImageError> {
    fs::create_dir(to).map_err(StoreError::write(to))?;
    let mut directories = vec![from.to_owned()];
    while let Some(dir) = directories.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_symlink() {
                // `build` and `source` lead out of the package.
            } else if path.is_dir() {
                directories.push(path);
            } else if let Some(stem) = name.strip_suffix(".xz").filter(|stem| is_module(stem)) {
                let step = || ImageError::step("unpack the kernel's modules");
                let xz = ToolCall::new(Tool::resolve("xz").map_err(step())?).args(["--decompress", "--force"]);
                run(&xz.arg(&path), &mut |_| ()).map_err(step())?;
                rename(&dir.join(stem), &to.join(module_file(stem)))?;
            } else if is_module(&name) {
                rename(&path, &to.join(module_file(&name)))?;
            }
        }
    }
    Ok(())
}

fn is_module(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "ko")
}

/// The kernel knows no `-` in a module's name.
fn module_file(name: &str) -> String {
    name.replace('-', "_")
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::write(to))
}

fn of_files(root: &Path, files: &PrebuiltFiles) -> Result<CacheInputs, ImageError> {
    let mut inputs = CacheInputs::new("kernel", super::plan::RECIPE).with("prebuilt", RECIPE.to_string());
    for (name, path) in
        [("kernel", Some(&files.kernel)), ("config", Some(&files.config)), ("device tree", files.device_tree.as_ref())]
    {
        let Some(path) = path else { continue };
        let path = root.join(path);
        let content = fs::read(&path).map_err(|error| {
            ImageError::input(
                format!("cannot read `{}`: {error}", path.display()),
                "`prebuilt: files:` names the files of a kernel",
            )
        })?;
        inputs = inputs.with(name, content);
    }
    for (name, dir) in [("modules", &files.modules), ("headers", &files.headers)] {
        if let Some(dir) = dir {
            inputs = inputs.with(name, super::source::digest::tree(&root.join(dir))?);
        }
    }
    Ok(inputs)
}

fn copy_files(root: &Path, files: &PrebuiltFiles, dir: &Path) -> Result<Vec<String>, ImageError> {
    module_headers::copy(&root.join(&files.kernel), &dir.join(KERNEL))?;
    module_headers::copy(&root.join(&files.config), &dir.join(CONFIG))?;
    let mut kept = [KERNEL, CONFIG, RELEASE, MODULES].map(str::to_owned).to_vec();
    let modules = dir.join(MODULES);
    fs::create_dir(&modules).map_err(StoreError::write(&modules))?;
    if let Some(from) = &files.modules {
        let from = root.join(from);
        let copy = dir.join("copied");
        module_headers::copy_tree(&from, "", &copy, &|_| true)?;
        fs::remove_dir(&modules).map_err(StoreError::write(&modules))?;
        keep_modules(&copy, &modules)?;
        files::remove(&copy).map_err(StoreError::write(&copy))?;
    }
    let mut release = String::new();
    if let Some(headers) = &files.headers {
        module_headers::copy_tree(&root.join(headers), "", &dir.join(BUILD_TREE), &|_| true)?;
        kept.push(BUILD_TREE.to_owned());
        release = fs::read_to_string(dir.join(BUILD_TREE).join("include/config/kernel.release")).unwrap_or_default();
    }
    if let Some(tree) = &files.device_tree {
        module_headers::copy(&root.join(tree), &dir.join(DEVICE_TREES).join("board.dtb"))?;
        kept.push(DEVICE_TREES.to_owned());
    }
    let path = dir.join(RELEASE);
    fs::write(&path, release).map_err(StoreError::write(&path))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &str = "\
Package: linux-headers-6.1.0-50-arm64
Version: 6.1.176-1
Depends: linux-headers-6.1.0-50-common (= 6.1.176-1), linux-kbuild-6.1 (>= 6.1.176-1), linux-compiler-gcc-12-arm64

Package: linux-headers-6.1.0-50-arm64
Version: 6.1.170-3
";

    #[test]
    fn the_newest_paragraph_tells_what_belongs_to_a_kernel() {
        assert_eq!(field(HEADERS, "Version").as_deref(), Some("6.1.176-1"));
        assert_eq!(depends(HEADERS, "linux-headers-").as_deref(), Some("linux-headers-6.1.0-50-common"));
        assert_eq!(depends(HEADERS, "linux-kbuild-").as_deref(), Some("linux-kbuild-6.1"));
        assert_eq!(depends("Package: x\n", "linux-"), None);
    }
}
