//! Errors in both directions: [`crate::Error`] becomes a JavaScript `Error` whose `code` is the kind, and whatever
//! a hook throws becomes a [`crate::Error`] again.

use crate::error::{Error, ErrorKind};
use js_sys::Reflect;
use serde::de::DeserializeOwned;
use serde::Serialize;
use wasm_bindgen::prelude::*;

pub type JsResult<T> = Result<T, JsValue>;

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        let text = error.to_string();
        let message = text.strip_prefix(error.kind.code()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
        let object = js_sys::Error::new(message);
        // Setting a property of a fresh, extensible object cannot fail.
        let _ = Reflect::set(&object, &"code".into(), &error.kind.code().into());
        object.into()
    }
}

/// What a hook threw: its `code` if it carries one that is known, else `Internal`.
pub fn from_js(value: JsValue) -> Error {
    let property = |name: &str| Reflect::get(&value, &name.into()).ok().and_then(|v| v.as_string());
    let kind = property("code").and_then(|code| ErrorKind::from_code(&code));
    let kind = kind.or_else(|| (property("name")? == "AbortError").then_some(ErrorKind::Aborted));
    let message = property("message").or_else(|| value.as_string()).unwrap_or_else(|| format!("{value:?}"));
    Error::new(kind.unwrap_or(ErrorKind::Internal), message)
}

/// A JavaScript value as a Rust type; what does not fit is `InvalidInput` that names the place.
pub fn parse<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T, Error> {
    serde_wasm_bindgen::from_value(value).map_err(|e| Error::invalid(format!("{what}: {e}")))
}

/// The same through JSON's own deserialiser, which notices unknown names.
pub fn parse_json<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T, Error> {
    from_json(parse(value, what)?, what)
}

pub fn from_json<T: DeserializeOwned>(value: serde_json::Value, what: &str) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|e| Error::invalid(format!("{what}: {e}")))
}

/// A Rust value as plain JavaScript objects (maps as objects, never as `Map`).
pub fn to_js<T: Serialize>(value: &T) -> JsResult<JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).map_err(|e| Error::internal(format!("a result that cannot cross: {e}")).into())
}
