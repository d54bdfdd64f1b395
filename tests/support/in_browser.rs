//! Collections in IndexedDB for the contract of stores.

use super::store_contract::Place;
use nearfield::adapters::indexeddb::{destroy, IndexedDbStore};
use nearfield::pace::LocalFuture;
use nearfield::store::Store;
use nearfield::Result;

pub struct InBrowser(pub &'static str);

impl InBrowser {
    pub async fn new(collection: &'static str) -> InBrowser {
        destroy(collection).await.unwrap();
        InBrowser(collection)
    }
}

impl Place for InBrowser {
    fn open(&self) -> LocalFuture<'_, Result<Box<dyn Store>>> {
        Box::pin(async { Ok(Box::new(IndexedDbStore::open(self.0).await?) as Box<dyn Store>) })
    }
}

macro_rules! browser_case {
    ($case:ident) => {
        #[wasm_bindgen_test::wasm_bindgen_test]
        async fn $case() {
            let place = $crate::in_browser::InBrowser::new(stringify!($case)).await;
            $crate::store_contract::$case(&place).await;
            nearfield::adapters::indexeddb::destroy(place.0).await.unwrap();
        }
    };
}
pub(crate) use browser_case;
