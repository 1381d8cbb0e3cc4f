// Nothing to import: the definition of steadfast_commit (CVersion) for the program.
