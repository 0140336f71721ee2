//! `kernsnap image`.

use serde::Serialize;

use super::args::{BuildArguments, DEFAULT_IMAGE, ImageListArguments};
use super::messages::told;
use super::progress::Progress;
use super::{Context, Exit, Failure, answer, answer_json, options};
use crate::session::load;
use crate::session::prepare::PreparedImage;
use kernsnap_analysis::view::Style;
use kernsnap_image::{ImageSpec, Options};

/// Builds all that runs on an image need: its kernel, what that can trace, and every program and module.
pub(super) fn build(context: &Context, arguments: &BuildArguments) -> Result<Exit, Failure> {
    let options = Options { remember: true, ..options(&arguments.source)? };
    let default = [DEFAULT_IMAGE.to_owned()];
    let every = if arguments.all { context.images_but_on_request()? } else { Vec::new() };
    let names = match (arguments.all, arguments.images.is_empty()) {
        (true, _) => &every[..],
        (false, true) => &default[..],
        (false, false) => &arguments.images,
    };
    for name in names {
        let mut progress = Progress::new();
        let mut show = |event| progress.show(event);
        let prepared_image = PreparedImage::open(context.images(&options), name, &mut show)?;
        prepared_image.build_all(&mut show)?;
        drop(progress);
        answer(&format!("{name} {}", prepared_image.runtime.image_key));
    }
    Ok(Exit::Passed)
}

#[derive(Serialize)]
struct Row<'a> {
    image: &'a str,
    built: bool,
    on_request: bool,
    description: &'a str,
}

pub(super) fn list(context: &Context, arguments: &ImageListArguments) -> Result<Exit, Failure> {
    let options = Options::default();
    let images = context.images(&options);
    let width = context.workspace.image_names().iter().map(String::len).max().unwrap_or_default();
    for name in context.workspace.image_names() {
        let spec = ImageSpec::load(&context.workspace, &name)?;
        // An image whose source was never looked for cannot have been built.
        let built = images.is_built(&spec)?;
        if arguments.output.is_json() {
            let row = Row { image: &name, built, on_request: spec.on_request, description: &spec.description };
            answer_json(&row)?;
        } else {
            let state = match (built, spec.on_request) {
                (true, _) => "built",
                (false, false) => "not built",
                (false, true) => "on request",
            };
            answer(&format!("{name:width$}  {}  {}", Style::left(&told(state), 10), spec.description));
        }
    }
    Ok(Exit::Passed)
}

pub(super) fn path(context: &Context, name: &str) -> Result<Exit, Failure> {
    let options = Options::default();
    let images = context.images(&options);
    let spec = ImageSpec::load(&context.workspace, name)?;
    if images.is_built(&spec)?
        && let Some(image) =
            images.open(&spec, &load::board(&load::machine(&context.workspace, &spec.machine)?), &mut |_| ())?
    {
        let directory = image.kernel.parent().unwrap_or(&image.kernel);
        answer(&directory.display().to_string());
        return Ok(Exit::Passed);
    }
    let text = format!("image `{name}` is not built\n\nhint: `kernsnap image build {name}` builds it");
    Err(Failure { exit: Exit::BuildFailed, text })
}
