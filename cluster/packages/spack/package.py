# Steadfast for Spack: `spack repo create steadfast; cp package.py REPO/packages/steadfast/`. Its syntax is checked; it
# was not built.
from spack.package import *


class Steadfast(Package):
    """Robust convolutional networks, trained data-parallel over Open MPI on CPU clusters, and attacked honestly."""

    # Where this site has its copy.
    homepage = "https://example.org/steadfast"
    git = "https://example.org/steadfast.git"

    version("main", branch="main")

    variant("cpu", default="x86-64-v3", description="The oldest type of CPU that it shall run on, by gcc's name")
    variant("xsmm", default=True, description="LIBXSMM's convolutions, on x86-64")

    depends_on("c", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("openmpi@4:")
    depends_on("openblas threads=none")
    depends_on("hdf5@1.10: ~mpi")
    depends_on("libarchive")
    depends_on("openssl")
    depends_on("libxsmm", when="+xsmm")

    # Spack has no package for the language Swift: 6.1 or newer has to be on the PATH.

    def setup_build_environment(self, env):
        env.set("STEADFAST_CPU", self.spec.variants["cpu"].value)
        env.set("STEADFAST_XSMM", "1" if self.spec.satisfies("+xsmm") else "0")

    def setup_run_environment(self, env):
        env.set("STEADFAST_RECIPES", self.prefix.share.steadfast.recipes)
        env.set("OPENBLAS_NUM_THREADS", "1")

    def install(self, spec, prefix):
        Executable("cluster/build")("--product", "steadfast")
        mkdirp(prefix.bin)
        install(".build/release/steadfast", prefix.bin)
        install_tree("cluster/recipes", prefix.share.steadfast.recipes)
