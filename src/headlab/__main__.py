"""`python -m headlab` is `headlab`."""

from headlab.cli.main import main

if __name__ == "__main__":
    main()
