//! The error of handlers and hooks.

use std::error::Error as StdError;
use std::fmt;

/// What handlers, hooks and constructors return: `Result<()>` unless a value is named.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Any error, as a handler or a hook reports it.
///
/// Every type that implements [`std::error::Error`] converts into it, so `?` works on anything;
/// it does not implement that trait itself, which is what makes the conversion possible.
///
/// ```
/// fn port(text: &str) -> runner::Result<u16> {
///     let port: u16 = text.parse()?;
///     if port == 0 {
///         return Err(runner::Error::msg("port 0 is not a port"));
///     }
///     Ok(port)
/// }
/// assert_eq!(port("99999").unwrap_err().to_string(), "number too large to fit in target type");
/// assert_eq!(port("0").unwrap_err().to_string(), "port 0 is not a port");
/// ```
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// An error that is only its message.
    pub fn msg(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }

    /// What is wrong with the configuration or the surroundings of a server, such as a missing
    /// file: trying again would not help.
    ///
    /// As the error of a `worker_start` it means that no further worker is tried, in this or another
    /// slot, until somebody asks for it. The worker exits with code 78.
    ///
    /// ```
    /// # use runner::{Error, Result};
    /// fn database() -> Result<String> {
    ///     std::env::var("DATABASE").map_err(|error| Error::configuration(format!("DATABASE: {error}")))
    /// }
    /// assert_eq!(database().unwrap_err().to_string(), "DATABASE: environment variable not found");
    /// ```
    pub fn configuration(message: impl Into<String>) -> Self {
        Self(Box::new(Configuration(message.into())))
    }

    pub(crate) fn is_configuration(&self) -> bool {
        self.downcast_ref::<Configuration>().is_some()
    }

    /// The error inside, when it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

/// What [`Error::configuration`] makes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Configuration(String);

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
