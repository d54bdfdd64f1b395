// How tiles in workgroup memory hold vectors: as they come. Stands before `matmul.wgsl` and `attention.wgsl`.

alias Held = vec4f;

fn hold(numbers: vec4f) -> Held {
    return numbers;
}

fn whole(held: Held) -> vec4f {
    return held;
}

