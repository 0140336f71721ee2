//! The object store behind a URL.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::RemoteError;

/// A remote that does not answer is one that is away: a build goes on without it.
const CONNECT: Duration = Duration::from_secs(5);
/// One request, with all its bytes.
const REQUEST: Duration = Duration::from_secs(120);
/// All tries of one request.
const RETRY: Duration = Duration::from_secs(10);

/// The schemes, for messages.
const SCHEMES: &str =
    "write `file:///DIR`, `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, `az://CONTAINER/PATH` or `https://HOST/PATH`";

/// The object store of a URL, and the path in it. `settings` are names and values as in the environment, such as `AWS_ENDPOINT`.
///
/// # Errors
/// [`RemoteError::Url`] for a URL that names none.
pub(crate) fn open(text: &str, settings: &[(String, String)]) -> Result<(Arc<dyn ObjectStore>, Path), RemoteError> {
    let bad = |why: String| RemoteError::Url { url: text.to_owned(), why };
    let url = Url::parse(text).map_err(|error| bad(format!("{error}; {SCHEMES}")))?;
    let failed = |error: object_store::Error| bad(error.to_string());
    let path = Path::from_url_path(url.path()).map_err(|error| bad(error.to_string()))?;
    let retry = RetryConfig { max_retries: 2, retry_timeout: RETRY, ..RetryConfig::default() };
    let is_set = |name: &str| settings.iter().any(|(known, value)| known == name && value == "true");
    let client = || ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST);
    let pairs = || settings.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()));
    let bucket = Url::parse(&format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()));
    let bucket = || bucket.as_ref().map_or_else(|_| String::new(), Url::to_string);
    let place: Arc<dyn ObjectStore> = match url.scheme() {
        "file" => Arc::new(LocalFileSystem::new()),
        "s3" => {
            let known = pairs().filter_map(|(name, value)| Some((name.parse().ok()?, value)));
            let builder = known.fold(AmazonS3Builder::new(), |builder, (name, value)| builder.with_config(name, value));
            let client = client().with_allow_http(is_set("AWS_ALLOW_HTTP"));
            let builder = builder.with_url(bucket()).with_client_options(client).with_retry(retry);
            Arc::new(builder.build().map_err(failed)?)
        }
        "gs" => {
            let known = pairs().filter_map(|(name, value)| Some((name.parse().ok()?, value)));
            let builder =
                known.fold(GoogleCloudStorageBuilder::new(), |builder, (name, value)| builder.with_config(name, value));
            let builder = builder.with_url(bucket()).with_client_options(client()).with_retry(retry);
            Arc::new(builder.build().map_err(failed)?)
        }
        "az" => {
            let known = pairs().filter_map(|(name, value)| Some((name.parse().ok()?, value)));
            let builder =
                known.fold(MicrosoftAzureBuilder::new(), |builder, (name, value)| builder.with_config(name, value));
            let builder = builder.with_url(bucket()).with_client_options(client()).with_retry(retry);
            Arc::new(builder.build().map_err(failed)?)
        }
        "https" => {
            let host = url.origin().ascii_serialization();
            let builder = HttpBuilder::new().with_url(host).with_client_options(client()).with_retry(retry);
            Arc::new(builder.build().map_err(failed)?)
        }
        other => return Err(bad(format!("the scheme `{other}` is unknown; {SCHEMES}"))),
    };
    Ok((place, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_a_place_and_others_are_refused() -> Result<(), RemoteError> {
        let settings = [("AZURE_STORAGE_ACCOUNT_NAME", "account"), ("AWS_REGION", "eu-west-1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for url in ["file:///srv/a/b", "s3://bucket/a/b", "gs://bucket/a/b", "az://container/a/b", "https://host/a/b"] {
            let (_, path) = open(url, &settings)?;
            assert!(path.as_ref().ends_with("a/b") && !path.as_ref().contains("bucket"), "{url}: {path}");
        }
        for url in ["ftp://host/a", "http://host/a", "/srv/a", ""] {
            let error = open(url, &settings).expect_err(url);
            assert!(error.to_string().contains("file:///DIR"), "{error}");
        }
        Ok(())
    }
}
