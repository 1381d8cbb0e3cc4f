/// Compares a gradient with central differences of a function in double precision.
///
/// The difference is taken with two steps, h and h / 2. Where a kink lies within the steps (ReLU, the maximum of a
/// pool) the two disagree, as do the slopes on both sides; such elements are skipped and counted, as in Caffe's
/// checker.
public struct GradientCheck {
    /// The larger step.
    public var step = 1e-4
    /// The deviation allowed, relative to the element's own size.
    public var relative = 1e-3
    /// The deviation allowed, relative to the root mean square of the elements checked.
    public var absolute = 1e-3
    /// The deviation allowed whatever the sizes.
    public var floor = 0.0

    /// The outcome.
    public struct Report: CustomStringConvertible {
        /// The elements compared.
        public var checked = 0
        /// The elements left out, by a kink.
        public var skipped = 0
        /// The elements that deviate too far: index, given, found by differences.
        public var wrong: [(index: Int, gradient: Double, difference: Double)] = []

        /// True where nothing deviates and at most a tenth was skipped.
        public var passed: Bool { wrong.isEmpty && checked > 0 && skipped * 10 <= checked + skipped }
        /// The first deviations.
        public var description: String {
            "\(checked) checked, \(skipped) skipped, \(wrong.count) wrong: "
                + wrong.prefix(4).map { "[\($0.index)] \($0.gradient) for \($0.difference)" }.joined(separator: ", ")
        }
    }

    /// The check with its default settings.
    public init() {}

    /// Compares `gradient` at `indices` with the differences of `function` at `point`.
    public func compare(
        _ gradient: [Double], _ indices: some Sequence<Int>, at point: [Double], _ function: ([Double]) -> Double
    ) -> Report {
        var report = Report()
        var differences: [(index: Int, value: Double)] = []
        let middle = function(point)
        for index in indices {
            func value(_ offset: Double) -> Double {
                var moved = point
                moved[index] += offset
                return function(moved)
            }
            let (left, right) = (value(-step), value(step))
            let wide = (right - left) / (2 * step)
            let narrow = (value(step / 2) - value(-step / 2)) / step
            let bend = abs((right - middle) - (middle - left)) / step
            let size = max(abs(wide), abs(narrow))
            if abs(wide - narrow) > relative / 4 * size + 1e-8 || bend > 0.02 * size + 1e-3 {
                report.skipped += 1
            } else {
                // Richardson's extrapolation: the error falls with the fourth power of the step.
                differences.append((index, (4 * narrow - wide) / 3))
            }
        }
        report.checked = differences.count
        let square = differences.reduce(0) { $0 + $1.value * $1.value } / Double(max(1, differences.count))
        for (index, difference) in differences {
            let allowed = relative * abs(difference) + absolute * square.squareRoot() + floor
            // Written so that a NaN is wrong.
            if !(abs(gradient[index] - difference) <= allowed) {
                report.wrong.append((index, gradient[index], difference))
            }
        }
        return report
    }
}
