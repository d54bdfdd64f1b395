// How tiles in workgroup memory hold vectors where the device has shader-f16: in half the bytes, rounded to 11 bits. What is
// computed with them is f32. Stands before `matmul.wgsl` and `attention.wgsl`; the twin is `held-f32.wgsl`.

enable f16;

alias Held = vec4h;

fn hold(numbers: vec4f) -> Held {
    return Held(numbers);
}

fn whole(held: Held) -> vec4f {
    return vec4f(held);
}

