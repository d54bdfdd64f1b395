//! What `config.json` and the files beside it make of a model, and what they are refused for.

use nearfield::model::config::{ModelCard, ModelKind, Pooling};
use nearfield::model::hub::Extras;
use nearfield::ErrorKind;
use serde_json::{json, Value};

fn bert() -> Value {
    json!({
        "architectures": ["BertModel"], "model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384,
        "num_attention_heads": 12, "intermediate_size": 1536, "vocab_size": 30522,
        "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    })
}

fn with(change: Value) -> Value {
    let mut json = bert();
    for (key, value) in change.as_object().unwrap() {
        json[key] = value.clone();
    }
    json
}

fn extras(files: &[(&str, Value)]) -> Extras {
    files.iter().map(|(path, json)| (path.to_string(), json.to_string())).collect()
}

#[track_caller]
fn check(name: &str, config: Value, files: &[(&str, Value)]) -> ModelCard {
    ModelCard::read(name, &config.to_string(), &extras(files)).unwrap()
}

#[track_caller]
fn check_error(change: Value, files: &[(&str, Value)], kind: ErrorKind, part: &str) {
    let error = ModelCard::read("m", &with(change).to_string(), &extras(files)).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.context.contains(part), "{error}");
}

#[test]
fn sentence_transformers_files_say_how_the_model_is_used() {
    let module = |path: &str, kind: &str| json!({"path": path, "type": format!("sentence_transformers.models.{kind}")});
    let modules = json!([module("", "Transformer"), module("1_Pooling", "Pooling"), module("2", "Normalize")]);
    let cls = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
    let files = [
        ("modules.json", modules),
        ("1_Pooling/config.json", cls),
        ("sentence_bert_config.json", json!({"max_seq_length": 256})),
        ("tokenizer_config.json", json!({"model_max_length": 512})),
        ("config_sentence_transformers.json", json!({"prompts": {"query": "Q: ", "document": "D: "}})),
    ];
    let card = check("m", bert(), &files);
    assert_eq!(card.kind, ModelKind::BiEncoder { pooling: Pooling::Cls, normalize: true });
    assert_eq!((card.max_tokens, card.bert.heads), (256, 12));
    assert_eq!((card.query_prefix.as_str(), card.passage_prefix.as_str()), ("Q: ", "D: "));
}

#[test]
fn a_plain_encoder_is_pooled_by_the_mean() {
    let card = check("m", bert(), &[("tokenizer_config.json", json!({"model_max_length": 1e30}))]);
    assert_eq!(card.kind, ModelKind::BiEncoder { pooling: Pooling::Mean, normalize: false });
    assert_eq!((card.max_tokens, card.name.as_str(), card.query_prefix.as_str()), (512, "m", ""));
}

#[test]
fn models_declare_that_prefixes_of_their_vectors_are_vectors() {
    let says = |change: Value, files: &[(&str, Value)]| check("m", with(change), files).matryoshka;
    assert!(!says(json!({}), &[]) && !says(json!({ "matryoshka_dimensions": [], "is_matryoshka": false }), &[]));
    assert!(says(json!({ "matryoshka_dimensions": [256, 128] }), &[]) && says(json!({ "is_matryoshka": true }), &[]));
    assert!(says(json!({}), &[("config_sentence_transformers.json", json!({ "matryoshka_dims": [64] }))]));
    let card = check("m", with(json!({ "is_matryoshka": true })), &[]);
    assert!(check("m", card.config_json(), &[]).matryoshka);
}

#[test]
fn families_that_do_not_state_their_prefixes_are_known_by_name() {
    let prefixes = |name: &str| {
        let card = check(name, bert(), &[]);
        (card.query_prefix, card.passage_prefix)
    };
    assert_eq!(prefixes("https://example.org/models/multilingual-e5-small/"), ("query: ".into(), "passage: ".into()));
    assert!(prefixes("bge-small-en-v1.5").0.starts_with("Represent this sentence"));
    assert_eq!(prefixes("gte-small"), Default::default());
    assert_eq!(prefixes("the5-thing"), Default::default());
}

#[test]
fn prompts_are_those_that_sentence_transformers_would_choose() {
    let prompts = |json: Value| {
        let card = check("m", bert(), &[("config_sentence_transformers.json", json)]);
        (card.query_prefix, card.passage_prefix)
    };
    assert_eq!(prompts(json!({"prompts": {"query": "q", "corpus": "c"}})), ("q".into(), "c".into()));
    let both = json!({"prompts": {"all": "a", "query": "q"}, "default_prompt_name": "all"});
    assert_eq!(prompts(both), ("q".into(), "a".into()));
    assert_eq!(prompts(json!({"prompts": {"other": "o"}, "default_prompt_name": null})), Default::default());
}

#[test]
fn a_cross_encoder_has_one_logit() {
    let one = json!({"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}});
    assert_eq!(check("m", with(one), &[]).kind, ModelKind::CrossEncoder);
    let two = json!({"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b"}});
    check_error(two, &[], ErrorKind::Unsupported, "2 labels");
}

#[test]
fn our_own_object_comes_back_as_it_was_written() {
    let mut card = check("all-e5-like", bert(), &[("sentence_bert_config.json", json!({"max_seq_length": 99}))]);
    card.digest = "00ff".into();
    assert_eq!(check("other", card.config_json(), &[]), card);
    card.kind = ModelKind::CrossEncoder;
    assert_eq!(check("other", card.config_json(), &[]), card);
    assert_eq!(card.config_json()["layer_norm_eps"].to_string(), "1e-12");
}

#[test]
fn other_architectures_are_refused_by_name_and_told_what_is_supported() {
    let supported = ["BertModel", "StaticModel", "BertForSequenceClassification with one label", "BertForMaskedLM"];
    for name in ["XLMRobertaModel", "ModernBertModel", "NomicBertModel"] {
        for part in [name].iter().chain(&supported) {
            check_error(json!({"architectures": [name]}), &[], ErrorKind::Unsupported, part);
        }
    }
    for change in [json!({"architectures": ["T5EncoderModel"]}), json!({"architectures": null, "model_type": "t5"})] {
        check_error(change, &[], ErrorKind::Unsupported, "T5 encoder, as INSTRUCTOR");
    }
    check_error(json!({"architectures": null, "model_type": "gpt2"}), &[], ErrorKind::Unsupported, "\"gpt2\"");
    check_error(json!({"hidden_act": "relu"}), &[], ErrorKind::Unsupported, "\"relu\"");
    check_error(json!({"position_embedding_type": "relative_key"}), &[], ErrorKind::Unsupported, "relative_key");
    let module = |kind: &str| json!({"path": "2", "type": format!("sentence_transformers.models.{kind}")});
    for (kinds, part) in [(["LSTM", "Pooling"], "\"LSTM\""), (["Normalize", "Dense"], "Dense"), (["Dense"; 2], "Dense")]
    {
        let dense = json!({"in_features": 384, "out_features": 8, "activation_function": "torch.nn.Tanh"});
        let files = [("modules.json", json!(kinds.map(module))), ("2/config.json", dense)];
        check_error(json!({}), &files, ErrorKind::Unsupported, part);
    }
    let two = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true});
    check_error(json!({}), &[("1_Pooling/config.json", two)], ErrorKind::Unsupported, "cls_token, pooling_mode_mean");
}

#[test]
fn a_dense_head_is_checked() {
    let check = |config: Option<Value>, kind: ErrorKind, part: &str| {
        let modules = json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]);
        let mut files = vec![("modules.json", modules)];
        files.extend(config.map(|config| ("2_Dense/config.json", config)));
        check_error(json!({}), &files, kind, part);
    };
    check(None, ErrorKind::Corrupt, "2_Dense/config.json is missing");
    check(Some(json!({"in_features": 768, "out_features": 8})), ErrorKind::Corrupt, "768 inputs");
    check(Some(json!({"in_features": 384})), ErrorKind::Corrupt, "out_features");
    check(Some(json!({"in_features": 384, "out_features": 1 << 20})), ErrorKind::LimitExceeded, "1048576");
    let relu = json!({"in_features": 384, "out_features": 8, "activation_function": "torch.nn.ReLU"});
    check(Some(relu), ErrorKind::Unsupported, "\"ReLU\"");
    let usage = json!({"name": "m", "kind": "cross-encoder", "max_tokens": 128,
        "dense": {"outputs": 8, "bias": true, "activation": "tanh"}});
    let change = json!({"architectures": ["BertForSequenceClassification"], "nearfield": usage});
    check_error(change, &[], ErrorKind::Corrupt, "dense head");
    let usage = json!({"name": "m", "kind": "bi-encoder", "max_tokens": 128,
        "dense": {"outputs": 0, "bias": true, "activation": "tanh"}});
    check_error(json!({"nearfield": usage}), &[], ErrorKind::LimitExceeded, "dense head of 0");
}

#[test]
fn sizes_are_checked() {
    check_error(json!({"num_attention_heads": 7}), &[], ErrorKind::Corrupt, "no multiple of 7");
    check_error(json!({"hidden_size": null}), &[], ErrorKind::Corrupt, "\"hidden_size\" is missing");
    check_error(json!({"vocab_size": 0}), &[], ErrorKind::Corrupt, "is 0");
    check_error(json!({"vocab_size": -1}), &[], ErrorKind::Corrupt, "vocab_size");
    check_error(json!({"num_hidden_layers": 1u64 << 40}), &[], ErrorKind::LimitExceeded, "1099511627776");
    check_error(json!({"layer_norm_eps": 0.0}), &[], ErrorKind::Corrupt, "layer_norm_eps");
    let huge = json!({"num_hidden_layers": 64, "hidden_size": 4096, "num_attention_heads": 64,
        "intermediate_size": 16384});
    check_error(huge, &[], ErrorKind::LimitExceeded, "parameters");
    let length = [("sentence_bert_config.json", json!({"max_seq_length": 0}))];
    check_error(json!({}), &length, ErrorKind::Corrupt, "maximum of 0 tokens");
    assert_eq!(ModelCard::read("m", "<html>", &Extras::new()).unwrap_err().kind, ErrorKind::Corrupt);
}

#[test]
fn usage_that_contradicts_itself_is_refused() {
    let usage = json!({"name": "m", "kind": "cross-encoder", "max_tokens": 128});
    check_error(json!({"nearfield": usage}), &[], ErrorKind::Corrupt, "contradicts");
    let usage = json!({"name": "m", "kind": "bi-encoder", "max_tokens": 513});
    check_error(json!({"nearfield": usage}), &[], ErrorKind::Corrupt, "513 tokens");
    check_error(json!({"nearfield": {"name": "m"}}), &[], ErrorKind::Corrupt, "nearfield");
}
