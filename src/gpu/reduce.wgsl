// The sum, or the greatest, of a number of each of 64 invocations: halves of the workgroup are put together until one
// number is left. Stands behind the kernels that have a workgroup for each row; the twin is `reduce-subgroups.wgsl`.

const THREADS = 64u;

var<workgroup> parts: array<f32, THREADS>;

fn total(index: u32, part: f32) -> f32 {
    parts[index] = part;
    workgroupBarrier();
    for (var reach = THREADS / 2u; reach > 0u; reach /= 2u) {
        if (index < reach) {
            parts[index] += parts[index + reach];
        }
        workgroupBarrier();
    }
    let sum = parts[0];
    workgroupBarrier();
    return sum;
}

fn greatest(index: u32, part: f32) -> f32 {
    parts[index] = part;
    workgroupBarrier();
    for (var reach = THREADS / 2u; reach > 0u; reach /= 2u) {
        if (index < reach) {
            parts[index] = max(parts[index], parts[index + reach]);
        }
        workgroupBarrier();
    }
    let most = parts[0];
    workgroupBarrier();
    return most;
}
