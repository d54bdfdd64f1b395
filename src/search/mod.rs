//! From a query to hits: [`options`] says what is wanted, [`retrieve`] asks postings and vectors of one [`snapshot`],
//! [`fusion`] merges the two rankings, and [`explain`] says why a hit stands where it stands. Texts are fetched and
//! reranked by the engine, which alone can wait for the store and for models.

pub mod fusion;
pub mod options;
