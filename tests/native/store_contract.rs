//! The promises of `Store`, kept in memory and in files. `web_indexeddb.rs` asks the browser for the same.

use crate::support::store_contract::{store_contract, Place};
use nearfield::adapters::files::FileStore;
use nearfield::pace::LocalFuture;
use nearfield::store::{MemoryStore, Store};
use nearfield::Result;
use std::path::PathBuf;

struct InMemory(MemoryStore);

impl Place for InMemory {
    fn open(&self) -> LocalFuture<'_, Result<Box<dyn Store>>> {
        Box::pin(async { Ok(Box::new(self.0.handle()) as Box<dyn Store>) })
    }
}

struct InFiles(PathBuf);

impl InFiles {
    fn new(case: &str) -> InFiles {
        let place = InFiles(std::env::temp_dir().join(format!("nearfield-contract-{}-{case}", std::process::id())));
        place.clean();
        place
    }

    fn clean(&self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Drop for InFiles {
    fn drop(&mut self) {
        self.clean();
    }
}

impl Place for InFiles {
    fn open(&self) -> LocalFuture<'_, Result<Box<dyn Store>>> {
        Box::pin(async { Ok(Box::new(FileStore::new(&self.0)) as Box<dyn Store>) })
    }
}

mod memory {
    macro_rules! case {
        ($case:ident) => {
            #[test]
            fn $case() {
                let place = super::InMemory(super::MemoryStore::new());
                pollster::block_on(crate::support::store_contract::$case(&place));
            }
        };
    }
    super::store_contract!(case);
}

mod files {
    macro_rules! case {
        ($case:ident) => {
            #[test]
            fn $case() {
                let place = super::InFiles::new(stringify!($case));
                pollster::block_on(crate::support::store_contract::$case(&place));
            }
        };
    }
    super::store_contract!(case);
}
