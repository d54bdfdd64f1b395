// How workgroup memory holds vectors where the device has shader-f16: in half the bytes, rounded to 11 bits. What is
// computed with them is f32. Stands before `matmul-half.wgsl` and `attention-half.wgsl`.

enable f16;

alias Held = vec4h;

fn hold(numbers: vec4f) -> Held {
    return Held(numbers);
}

fn whole(held: Held) -> vec4f {
    return vec4f(held);
}

