"""`python -m headlab` is `headlab`."""

from headlab.cli import main

if __name__ == "__main__":
    main()
