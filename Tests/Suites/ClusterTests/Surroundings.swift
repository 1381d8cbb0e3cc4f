import Foundation

/// For mpirun and the ranks: those that wait leave their core to others, tests beside them included.
let polite = ["OMPI_MCA_mpi_yield_when_idle": "1"]
