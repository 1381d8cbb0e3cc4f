/// The page's words between its tables and figures.
enum Texts {
    static let error: HTML = """
        <em>Error</em> is the share of samples whose largest output, of all outputs, is not the label's; of nonsense,
        the share that a class accepts. An image is <em>rejected</em> where a nonsense output is the largest, which is
        an error too, or, in a network without one, where the confidence is at most 0.5, which is an error only where
        the largest output is not the label's. <em>Wrong</em> are images that are accepted as another class.
        """

    static let cifarFinding: HTML = """
        On nonsense the protocol is the whole result here: the authors' own network accepts 0.012 of it at β 0.030 in
        batch mode and 0.830 in evaluation mode.
        """
    static let mnistFinding: HTML = """
        The plain network's adversarial row is not reproduced by the network that the authors released either (column
        <em>theirs</em>); its nonsense row is.
        """

    static func protocols(_ paper: PaperTable) -> HTML {
        """
        <p>Each table stands here twice. The paper's were made with gradients in <b>batch mode</b>: batch norm takes its
        moments from 100 images with all their candidate labels, while the prediction is made with running moments. That
        is the gradient of another function than the one that is judged. In <b>evaluation mode</b> it is the judged
        network's own gradient: a stronger attack, and the sound one. The noisy samples come as sign noise, as the
        released code makes them, and as the Gaussian noise of the text. \(paper.finding)</p>
        <p>\(error) Difference: ours less the paper's, green where ours is no worse; <em>within</em> where the paper's
        figure lies between our least and largest seed (small type). <em>theirs</em>: the network that the authors
        released, computed in PyTorch on part of the test set.</p>
        """
    }

    static let runs: HTML = """
        <p>Read the column <em>attacked</em> as a lower bound: the error under the strongest attack that was run.
        Another
        attack may break more.</p>
        """
    static let strong: HTML = """
        <p>The paper's attack takes one step, unclipped. These iterate, restart, go without gradients or combine
        (standard), within the ball and the range of pixels. Small type: the share rejected.</p>
        """
    static let masking: HTML = """
        <p>Whether attacks by gradients may overstate a network's robustness: the verdict of <code>steadfast evaluate
        --diagnose</code>. A masked network is not shown to be robust by gradient attacks; read its worst attack
        only.</p>
        """
    static let nonsense: HTML = """
        <p>Shares that a class accepts. The released recipe trains one output (class 12) on pure noise that is nearly
        the paper's own nonsense: what counts is how families that no output was trained on fare.</p>
        """
    static let robust: HTML = """
        <p>Networks whose recipe makes adversarial samples anew in every step. Read the strongest attack's column.</p>
        """
    static let ablations: HTML = """
        <p>Each model beside mReLU-r-m: what its recipe sets otherwise, and what that does. The last columns compare it,
        in evaluation mode (the stronger gradients), with the published row of mReLU-r-m in every cell of the paper's
        table: adversarial, nonsense and noisy.</p>
        """
    static let other: HTML =
        "<p>Noises and corruptions that the paper's tables do not have. Small type: the share rejected.</p>"
    static let files: HTML = """
        <p>Made by <code>steadfast report</code> from the evaluations' <code>summary.csv</code>, <code>worst.csv</code>
        and <code>diagnosis.csv</code>, the runs' <code>metrics.jsonl</code> and <code>recipe.yaml</code>, and, for the
        figures that show a network at work, from its checkpoint and the data set. Beside this page lie all its tables
        (<code>tables/*.csv</code>, <code>tables.md</code>), its figures (<code>figures/*.svg</code>,
        <code>figures/*.png</code>) and all rows (<code>summary.csv</code>).</p>
        """
}
