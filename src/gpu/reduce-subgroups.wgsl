// As `reduce.wgsl`, for devices with subgroups: each of them puts its own numbers together, and everybody what came of them.
//
// A subgroup has invocations that follow each other. WGSL does not say so; the probe does, on the very device.

const THREADS = 64u;

var<workgroup> parts: array<f32, THREADS>;

fn total(index: u32, part: f32) -> f32 {
    let count = gather(index, subgroupAdd(part));
    var sum = 0.0;
    for (var i = 0u; i < count; i++) {
        sum += parts[i];
    }
    workgroupBarrier();
    return sum;
}

fn greatest(index: u32, part: f32) -> f32 {
    let count = gather(index, subgroupMax(part));
    var most = parts[0];
    for (var i = 1u; i < count; i++) {
        most = max(most, parts[i]);
    }
    workgroupBarrier();
    return most;
}

// Puts what each subgroup has into its place, and returns how many there are.
fn gather(index: u32, part: f32) -> u32 {
    let size = subgroupAdd(1u);
    if (subgroupElect()) {
        parts[index / size] = part;
    }
    workgroupBarrier();
    return THREADS / size;
}
