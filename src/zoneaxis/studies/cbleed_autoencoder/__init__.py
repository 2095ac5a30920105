"""Study: an autoencoder reads beam energy and dimer displacement of Si(001)-(2x1) from CBLEED (Ivanov & Pereiro)."""
